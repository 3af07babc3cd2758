package backend

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

type reportInput struct {
	ID   string `path:"id"`
	Body api.ReportRequest
}

type settleInput struct {
	ID   string `path:"id"`
	Body api.ReportChange
}

type reportsInput struct {
	Item   string `query:"item" maxLength:"64" doc:"Only those about one item."`
	All    bool   `query:"all" doc:"Settled ones too."`
	Before string `query:"before" maxLength:"200" doc:"What the page before gave as before, or a time: only what was reported earlier."`
}

// registerReports adds the calls about complaints and changes.
func (s *Server) registerReports(to huma.API) {
	const tag = "Question bank"
	huma.Register(to, operation("report-item", http.MethodPost, "/api/v1/items/{id}/reports", tag, "Report an item, with a reason"), s.reportItem)
	huma.Register(to, operation("list-reports", http.MethodGet, "/api/v1/item-reports", tag, "List reports, the newest first"), s.listReports)
	huma.Register(to, operation("settle-report", http.MethodPatch, "/api/v1/item-reports/{id}", tag, "Settle a report with what was found"),
		func(ctx context.Context, in *settleInput) (*reply[api.Done], error) {
			bank, err := s.bank()
			if err != nil {
				return nil, err
			}
			return done(bank.SettleReport(ctx, in.ID, in.Body.Note))
		})
	huma.Register(to, operation("list-bank-changes", http.MethodGet, "/api/v1/bank-changes", tag, "List the newest changes of the bank"), s.listChanges)
	huma.Register(to, operation("item-history", http.MethodGet, "/api/v1/items/{id}/history", tag, "Tell who changed an item, and what it was before"), s.itemHistory)
	huma.Register(to, operation("undo-bank-change", http.MethodPost, "/api/v1/bank-changes/{id}/undo", tag, "Give every item of a change what it was before"),
		func(ctx context.Context, in *onPath) (*reply[api.BankChange], error) {
			bank, err := s.bank()
			if err != nil {
				return nil, err
			}
			change, err := bank.UndoChange(ctx, userOf(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &reply[api.BankChange]{api.FromChange(change)}, nil
		})
}

func (s *Server) reportItem(ctx context.Context, in *reportInput) (*reply[api.ItemReport], error) {
	bank, it, err := s.item(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	who := sat.IdentityOf(ctx)
	if err := s.ensure(ctx, who); err != nil {
		return nil, err
	}
	report, err := bank.ReportItem(ctx, sat.ItemReport{ItemID: it.ID, UserID: userOf(ctx), Reason: in.Body.Reason})
	if err != nil {
		return nil, err
	}
	return &reply[api.ItemReport]{api.FromReport(report)}, nil
}

func (s *Server) listReports(ctx context.Context, in *reportsInput) (*reply[api.ItemReports], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	before, err := sat.ParseCursor(in.Before)
	if err != nil {
		return nil, err
	}
	reports, err := bank.ItemReports(ctx, in.Item, !in.All, before, reportsAPage+1)
	if err != nil {
		return nil, err
	}
	list := api.ItemReports{Reports: []api.ItemReport{}}
	for i, r := range reports {
		if i == reportsAPage {
			list.Before = sat.Cursor{At: reports[i-1].CreatedAt, ID: reports[i-1].ID}.String()
			break
		}
		list.Reports = append(list.Reports, api.FromReport(r))
	}
	return &reply[api.ItemReports]{list}, nil
}

func (s *Server) listChanges(ctx context.Context, _ *struct{}) (*reply[api.BankChanges], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	changes, err := bank.BankChanges(ctx, mostChanges)
	if err != nil {
		return nil, err
	}
	list := api.BankChanges{Changes: []api.BankChange{}}
	for _, c := range changes {
		list.Changes = append(list.Changes, api.FromChange(c))
	}
	return &reply[api.BankChanges]{list}, nil
}

// itemHistory tells of an item that was taken out too.
func (s *Server) itemHistory(ctx context.Context, in *onPath) (*reply[api.ItemHistory], error) {
	bank, err := s.bank()
	if err != nil {
		return nil, err
	}
	versions, err := bank.ItemHistory(ctx, in.ID, mostVersions)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, sat.Errorf(sat.NotFound, "There is no such item.")
	}
	return &reply[api.ItemHistory]{api.FromHistory(versions)}, nil
}
