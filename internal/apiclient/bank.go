package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"sattutor/internal/api"
	"sattutor/internal/sat"
)

// maxExport bounds the bytes of an exported file.
const maxExport = 128 << 20

// Items searches the question bank; the query's names are those of the API.
func (c *Client) Items(ctx context.Context, query url.Values) (api.ItemList, error) {
	return send[api.ItemList](ctx, c, http.MethodGet, "/api/v1/items?"+query.Encode(), nil)
}

// Item gives an item of the bank.
func (c *Client) Item(ctx context.Context, id string) (api.BankItem, error) {
	return send[api.BankItem](ctx, c, http.MethodGet, "/api/v1/items/"+url.PathEscape(id), nil)
}

// SimilarItems gives the items that are like one.
func (c *Client) SimilarItems(ctx context.Context, id string) (api.SimilarItems, error) {
	return send[api.SimilarItems](ctx, c, http.MethodGet, "/api/v1/items/"+url.PathEscape(id)+"/similar", nil)
}

// ItemEvidence gives the sentences that speak to an item's choices.
func (c *Client) ItemEvidence(ctx context.Context, id string) (api.ItemEvidence, error) {
	return send[api.ItemEvidence](ctx, c, http.MethodGet, "/api/v1/items/"+url.PathEscape(id)+"/evidence", nil)
}

// CheckItem judges an item without storing it.
func (c *Client) CheckItem(ctx context.Context, it sat.Item) (api.ItemCheck, error) {
	return send[api.ItemCheck](ctx, c, http.MethodPost, "/api/v1/items:check", api.ItemChange{Item: it})
}

// SaveItem stores an item: as a new one for version 0, else in place of that version.
func (c *Client) SaveItem(ctx context.Context, it sat.Item, version int) (api.SavedItem, error) {
	if version == 0 {
		return send[api.SavedItem](ctx, c, http.MethodPost, "/api/v1/items", api.ItemChange{Item: it})
	}
	return send[api.SavedItem](ctx, c, http.MethodPut, "/api/v1/items/"+url.PathEscape(it.ID), api.ItemChange{Item: it, Version: version})
}

// DeleteItem takes an item out of the bank.
func (c *Client) DeleteItem(ctx context.Context, id string) error {
	_, err := send[api.Done](ctx, c, http.MethodDelete, "/api/v1/items/"+url.PathEscape(id), nil)
	return err
}

// ImportItems takes a file of questions in, or rehearses that; the query's names are those of the API.
func (c *Client) ImportItems(ctx context.Context, file []byte, query url.Values) (sat.ImportReport, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	var report sat.ImportReport
	reply, err := c.exchange(ctx, http.MethodPost, "/api/v1/items:import?"+query.Encode(), file)
	if err != nil {
		return report, err
	}
	if err := json.Unmarshal(reply, &report); err != nil {
		return report, strange(err)
	}
	return report, nil
}

// Exported is a file on its way. Whoever reads it closes it.
type Exported struct {
	io.ReadCloser
	Header http.Header // with the media type; of questions also the file's name and the number of losses
}

// ExportItems puts items into a file; the query's names are those of the API.
func (c *Client) ExportItems(ctx context.Context, query url.Values) (*Exported, error) {
	return c.file(ctx, "/api/v1/items:export?"+query.Encode())
}

// file asks for a file, which may be larger than other replies. It is read while it comes, as long as ctx holds.
func (c *Client) file(ctx context.Context, path string) (*Exported, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, failed(ctx, err)
	}
	c.identify(ctx, req.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, failed(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer func() { _ = resp.Body.Close() }()
		reply, _ := io.ReadAll(io.LimitReader(resp.Body, maxReply))
		return nil, problemOf(resp, reply)
	}
	return &Exported{Header: resp.Header, ReadCloser: struct {
		io.Reader
		io.Closer
	}{&bounded{resp.Body, maxExport}, resp.Body}}, nil
}

// bounded reads up to a number of bytes; what is longer is an error, never a file that ends early.
type bounded struct {
	from io.Reader
	left int64
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, strange(errLong)
	}
	return n, err
}

var errLong = errors.New("the reply is longer than anything that is asked for")

// ReportItem sends a reader's complaint about an item.
func (c *Client) ReportItem(ctx context.Context, id, reason string) error {
	_, err := send[api.ItemReport](ctx, c, http.MethodPost, "/api/v1/items/"+url.PathEscape(id)+"/reports", api.ReportRequest{Reason: reason})
	return err
}

// ItemReports lists reports, the newest first: of one item or, with "", of all; with settled, those that are closed too;
// with before, those behind the page that gave it.
func (c *Client) ItemReports(ctx context.Context, item string, settled bool, before string) (api.ItemReports, error) {
	query := url.Values{}
	if item != "" {
		query.Set("item", item)
	}
	if settled {
		query.Set("all", "true")
	}
	if before != "" {
		query.Set("before", before)
	}
	return send[api.ItemReports](ctx, c, http.MethodGet, "/api/v1/item-reports?"+query.Encode(), nil)
}

// ItemHistory tells who changed an item, and what it was before.
func (c *Client) ItemHistory(ctx context.Context, id string) (api.ItemHistory, error) {
	return send[api.ItemHistory](ctx, c, http.MethodGet, "/api/v1/items/"+url.PathEscape(id)+"/history", nil)
}

// SettleReport closes a report with what was found.
func (c *Client) SettleReport(ctx context.Context, id, note string) error {
	_, err := send[api.Done](ctx, c, http.MethodPatch, "/api/v1/item-reports/"+url.PathEscape(id), api.ReportChange{Note: note})
	return err
}

// BankChanges lists the newest changes of the bank.
func (c *Client) BankChanges(ctx context.Context) ([]api.BankChange, error) {
	list, err := send[api.BankChanges](ctx, c, http.MethodGet, "/api/v1/bank-changes", nil)
	return list.Changes, err
}

// UndoBankChange gives every item of a change what it was before.
func (c *Client) UndoBankChange(ctx context.Context, id string) error {
	_, err := send[api.BankChange](ctx, c, http.MethodPost, fmt.Sprintf("/api/v1/bank-changes/%s/undo", url.PathEscape(id)), struct{}{})
	return err
}
