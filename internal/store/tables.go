package store

// table is what the generic ways through the database need to know of a table: backup, checksum, export, adoption.
type table struct {
	name    string
	key     []string // columns that order the rows
	owner   string   // column with the id of the user whose rows these are; "" for none
	adopted bool     // a guest's rows go over to the account that the guest becomes
	secret  []string // columns that an export leaves out
	derived []string // columns that the database makes itself
	flags   []string // columns that are true or false, which SQLite keeps as numbers
}

// tables lists every table that holds something of its own, each after those that it refers to.
func tables() []table {
	return []table{
		{name: "users", key: []string{"id"}, owner: "id", secret: []string{"password"}, flags: []string{"keep_answers"}},
		{name: "tokens", key: []string{"hash"}, owner: "user_id", secret: []string{"hash"}},
		{name: "api_keys", key: []string{"id"}, owner: "user_id", secret: []string{"hash"}},
		{name: "invites", key: []string{"hash"}, owner: "created_by", secret: []string{"hash"}},
		{name: "access_log", key: []string{"id"}, owner: "subject"},
		{name: "throttles", key: []string{"bucket"}},
		{name: "counters", key: []string{"bucket", "begin"}},
		{name: "replies", key: []string{"user_id", "route", "idempotency"}, owner: "user_id"},
		{name: "answers", key: []string{"id"}, owner: "user_id", adopted: true},
		{name: "passages", key: []string{"id"}},
		{name: "items", key: []string{"id"}, derived: []string{"n", "search"}},
		{name: "bank_changes", key: []string{"id"}, owner: "by_user"},
		{name: "item_versions", key: []string{"change_id", "item_id"}},
		{name: "item_reports", key: []string{"id"}, owner: "user_id", adopted: true},
		{name: "item_sets", key: []string{"id"}, owner: "user_id", adopted: true},
		{name: "sessions", key: []string{"id"}, owner: "user_id", adopted: true},
		{name: "responses", key: []string{"session_id", "n"}},
		{name: "attempts", key: []string{"id"}, owner: "user_id", adopted: true, flags: []string{"correct"}},
		{name: "arena_pairs", key: []string{"id"}, owner: "user_id", adopted: true},
		{name: "evaluation_runs", key: []string{"id"}, flags: []string{"complete"}},
	}
}

// remade lists the tables whose rows can be made again from others, so that backups leave them out.
func remade() []string { return []string{"item_vectors"} }

// owned lists the tables with rows of users.
func owned() (list []table) {
	for _, t := range tables() {
		if t.owner != "" {
			list = append(list, t)
		}
	}
	return list
}
