package store

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"sattutor/internal/sat"
)

type userRow struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	ID          string  `bun:"id,pk"`
	Name        string  `bun:"name"`
	NameKey     *string `bun:"name_key"`
	Role        string  `bun:"role"`
	Password    string  `bun:"password"`
	KeepAnswers bool    `bun:"keep_answers"`
	Settings    string  `bun:"settings"`
	CreatedAt   instant `bun:"created_at"`
	DisabledAt  instant `bun:"disabled_at"`
}

func userRowOf(u sat.User) userRow {
	row := userRow{ID: u.ID, Name: u.Name, Role: string(u.Role), Password: u.PasswordHash, KeepAnswers: u.KeepAnswers,
		Settings: "{}", CreatedAt: at(u.CreatedAt), DisabledAt: at(u.DisabledAt)}
	if !u.Guest() {
		key := NameKey(u.Name)
		row.NameKey = &key
	}
	return row
}

func (r userRow) user() sat.User {
	return sat.User{ID: r.ID, Name: r.Name, Role: sat.Role(r.Role), PasswordHash: r.Password, KeepAnswers: r.KeepAnswers,
		CreatedAt: r.CreatedAt.Time, DisabledAt: r.DisabledAt.Time}
}

// NameKey gives the form in which two names count as one.
func NameKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// CreateUser adds a user; a name that is taken is a Conflict.
func (s *Store) CreateUser(ctx context.Context, u sat.User) error {
	row := userRowOf(u)
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return fault(err, "name")
}

// EnsureGuest adds a guest unless it is there.
func (s *Store) EnsureGuest(ctx context.Context, id string) error {
	row := userRowOf(sat.User{ID: id, Role: sat.Student, KeepAnswers: true, CreatedAt: s.now()})
	if ok, err := s.read.NewSelect().Model(&row).WherePK().Exists(ctx); ok || err != nil {
		return fault(err, "guest")
	}
	_, err := s.write.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING").Exec(ctx)
	return fault(err, "guest")
}

// User gives a user by id.
func (s *Store) User(ctx context.Context, id string) (sat.User, error) {
	var row userRow
	err := s.read.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	return row.user(), fault(err, "user")
}

// UserByName gives the account that signs in by a name.
func (s *Store) UserByName(ctx context.Context, name string) (sat.User, error) {
	var row userRow
	err := s.read.NewSelect().Model(&row).Where("name_key = ?", NameKey(name)).Scan(ctx)
	return row.user(), fault(err, "user")
}

// Users lists accounts by name, those after a name first to come; guests have none and are left out.
func (s *Store) Users(ctx context.Context, after string, limit int) ([]sat.User, error) {
	var rows []userRow
	err := s.read.NewSelect().Model(&rows).Where("name_key > ?", NameKey(after)).Order("name_key").Limit(int64(limit)).Scan(ctx)
	users := make([]sat.User, len(rows))
	for i, row := range rows {
		users[i] = row.user()
	}
	return users, fault(err, "user")
}

// SetPassword changes a password and ends every sign-in of the account.
func (s *Store) SetPassword(ctx context.Context, userID, hash string) error {
	return s.alter(ctx, userID, true, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("password = ?", hash) })
}

// Rehash changes the stored form of a password that stays the same.
func (s *Store) Rehash(ctx context.Context, userID, hash string) error {
	return s.alter(ctx, userID, false, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("password = ?", hash) })
}

// SetRole changes a role and ends every sign-in of the account.
func (s *Store) SetRole(ctx context.Context, userID string, role sat.Role) error {
	return s.alter(ctx, userID, true, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("role = ?", string(role)) })
}

// SetDisabled closes an account since a time, or opens it again with the zero time; either ends every sign-in.
func (s *Store) SetDisabled(ctx context.Context, userID string, since time.Time) error {
	return s.alter(ctx, userID, true, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("disabled_at = ?", at(since)) })
}

// SetKeepAnswers says whether questions and answers of a user are stored from now on.
func (s *Store) SetKeepAnswers(ctx context.Context, userID string, keep bool) error {
	return s.alter(ctx, userID, false, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Set("keep_answers = ?", keep) })
}

// alter changes a user's row and, where that changes who may come in, ends the sign-ins in the same step.
func (s *Store) alter(ctx context.Context, userID string, signOut bool, set func(*bun.UpdateQuery) *bun.UpdateQuery) error {
	return fault(s.change(ctx, func(tx bun.Tx) error {
		result, err := set(tx.NewUpdate().Model((*userRow)(nil))).Where("id = ?", userID).Exec(ctx)
		if err := found(result, err, "user"); err != nil {
			return err
		}
		if signOut {
			_, err = tx.NewDelete().Model((*tokenRow)(nil)).Where("user_id = ?", userID).Exec(ctx)
		}
		return err
	}), "user")
}

// Register makes an account with all that goes with it, or nothing: its role by an invitation that is used up, what a
// guest made, and a first sign-in. A name that is taken is a Conflict, an invitation that is not valid NotFound.
func (s *Store) Register(ctx context.Context, n sat.NewAccount) (sat.User, error) {
	u := n.User
	err := s.change(ctx, func(tx bun.Tx) (err error) {
		if n.InviteHash != "" {
			if u.Role, err = s.useInvite(ctx, tx, n.InviteHash); err != nil {
				return err
			}
		}
		row, token := userRowOf(u), tokenRowOf(n.Token)
		token.UserID = u.ID
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fault(err, "name")
		}
		if n.GuestID != "" {
			if err := adopt(ctx, tx, n.GuestID, u.ID); err != nil {
				return err
			}
		}
		_, err = tx.NewInsert().Model(&token).Exec(ctx)
		return err
	})
	return u, fault(err, "account")
}

// adopt gives everything that a guest made to an account, and forgets the guest.
func adopt(ctx context.Context, tx bun.Tx, guestID, userID string) error {
	for _, t := range owned() {
		if t.adopted {
			if _, err := tx.NewUpdate().Table(t.name).Set("? = ?", bun.Ident(t.owner), userID).
				Where("? = ?", bun.Ident(t.owner), guestID).Exec(ctx); err != nil {
				return err
			}
		}
	}
	_, err := tx.NewDelete().Model((*userRow)(nil)).Where("id = ? AND name_key IS NULL", guestID).Exec(ctx)
	return err
}

// Erase deletes a user and everything that he or she owns.
func (s *Store) Erase(ctx context.Context, userID string) error {
	return fault(s.change(ctx, func(tx bun.Tx) error {
		result, err := tx.NewDelete().Model((*userRow)(nil)).Where("id = ?", userID).Exec(ctx)
		if err := found(result, err, "user"); err != nil {
			return err
		}
		_, err = tx.NewDelete().Table("counters").Where("bucket LIKE ? ESCAPE '!'", "%/"+escapeLike(userID)).Exec(ctx)
		return err
	}), "user")
}

type accessRow struct {
	bun.BaseModel `bun:"table:access_log,alias:l"`

	ID      string  `bun:"id,pk"`
	At      instant `bun:"at"`
	Actor   *string `bun:"actor"`
	Action  string  `bun:"action"`
	Subject *string `bun:"subject"`
	By      string  `bun:"actor_name,scanonly"`
	Of      string  `bun:"subject_name,scanonly"`
}

// LogAccess notes what somebody did to an account.
func (s *Store) LogAccess(ctx context.Context, a sat.Access) error {
	row := accessRow{ID: rand.Text(), At: at(s.now()), Actor: nullable(a.Actor), Action: a.Action, Subject: nullable(a.Subject)}
	_, err := s.write.NewInsert().Model(&row).Exec(ctx)
	return fault(err, "entry of the access log")
}

// AccessLog gives the newest entries.
func (s *Store) AccessLog(ctx context.Context, limit int) ([]sat.Access, error) {
	var rows []accessRow
	err := s.read.NewSelect().Model(&rows).ColumnExpr("l.*").
		ColumnExpr("coalesce((SELECT u.name FROM users AS u WHERE u.id = l.actor), '') AS actor_name").
		ColumnExpr("coalesce((SELECT u.name FROM users AS u WHERE u.id = l.subject), '') AS subject_name").
		Order("at DESC", "id").Limit(int64(limit)).Scan(ctx)
	log := make([]sat.Access, len(rows))
	for i, r := range rows {
		log[i] = sat.Access{ID: r.ID, At: r.At.Time, Actor: text(r.Actor), By: r.By, Action: r.Action,
			Subject: text(r.Subject), Of: r.Of}
	}
	return log, fault(err, "entry of the access log")
}

// nullable gives null for the empty string.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
