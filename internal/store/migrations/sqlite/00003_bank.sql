-- +goose Up
-- Passages are shared by the items that name them.
CREATE TABLE passages (
    id  TEXT PRIMARY KEY,
    doc TEXT NOT NULL                   -- JSON
);

CREATE TABLE items (
    n           INTEGER PRIMARY KEY,      -- by which the full-text index names the row
    id          TEXT   NOT NULL UNIQUE,
    content_key TEXT   NOT NULL,        -- over texts, without the key's letter
    framework   TEXT   NOT NULL,
    domain      TEXT   NOT NULL,
    skill       TEXT   NOT NULL,
    genre       TEXT   NOT NULL,
    difficulty  TEXT   NOT NULL,
    split       TEXT   NOT NULL,
    licence     TEXT   NOT NULL,
    requires    TEXT   NOT NULL,        -- each between spaces, as the tags
    tags        TEXT   NOT NULL,
    passages    TEXT   NOT NULL,        -- ids, between spaces
    doc         TEXT   NOT NULL,        -- JSON, without the passages
    words       TEXT   NOT NULL,        -- what full-text search reads
    version     BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX items_by_content ON items (content_key);
CREATE INDEX items_by_skill ON items (split, domain, skill);

CREATE VIRTUAL TABLE items_fts USING fts5 (words, content = 'items', content_rowid = 'n', tokenize = 'porter unicode61');
-- +goose StatementBegin
CREATE TRIGGER items_fts_insert AFTER INSERT ON items BEGIN
    INSERT INTO items_fts (rowid, words) VALUES (new.n, new.words);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER items_fts_delete AFTER DELETE ON items BEGIN
    INSERT INTO items_fts (items_fts, rowid, words) VALUES ('delete', old.n, old.words);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER items_fts_update AFTER UPDATE OF words ON items BEGIN
    INSERT INTO items_fts (items_fts, rowid, words) VALUES ('delete', old.n, old.words);
    INSERT INTO items_fts (rowid, words) VALUES (new.n, new.words);
END;
-- +goose StatementEnd

-- One row for each change of the bank: an import or an edit.
CREATE TABLE bank_changes (
    id          TEXT PRIMARY KEY,
    at          BIGINT NOT NULL,
    by_user     TEXT REFERENCES users (id) ON DELETE SET NULL,
    what        TEXT   NOT NULL,        -- "import", "edit", "delete", "undo"
    format      TEXT   NOT NULL,
    file_sha256 TEXT   NOT NULL,
    undone_at   BIGINT
);
CREATE INDEX bank_changes_by_time ON bank_changes (at);

-- What an item was before a change: its JSON with its passages, empty where the change made it.
CREATE TABLE item_versions (
    item_id     TEXT   NOT NULL,
    version     BIGINT NOT NULL,        -- that the change found; 0 where there never was one
    change_id   TEXT   NOT NULL REFERENCES bank_changes (id) ON DELETE CASCADE,
    content_key TEXT   NOT NULL,
    doc         TEXT   NOT NULL,
    PRIMARY KEY (change_id, item_id)
);
CREATE INDEX item_versions_of_item ON item_versions (item_id, version);

CREATE TABLE item_reports (
    id         TEXT PRIMARY KEY,
    item_id    TEXT   NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    user_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    reason     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    note       TEXT   NOT NULL          -- what was found
);
CREATE INDEX item_reports_open ON item_reports (settled_at, created_at);
CREATE INDEX item_reports_of_item ON item_reports (item_id);
CREATE INDEX item_reports_of_user ON item_reports (user_id);

CREATE TABLE item_sets (
    id         TEXT PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       TEXT   NOT NULL,
    item_ids   TEXT   NOT NULL,         -- JSON, in order
    created_at BIGINT NOT NULL
);
CREATE INDEX item_sets_of_user ON item_sets (user_id, created_at);

-- Embeddings of items; they can be made again, so that backups leave them out.
CREATE TABLE item_vectors (
    item_id     TEXT  NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    model       TEXT  NOT NULL,
    content_key TEXT  NOT NULL,         -- of the text that was embedded
    vector      BLOB NOT NULL,         -- 32-bit floats, little-endian
    PRIMARY KEY (model, item_id)
);

-- +goose Down
DROP TABLE item_vectors;
DROP TABLE item_sets;
DROP TABLE item_reports;
DROP TABLE item_versions;
DROP TABLE bank_changes;
DROP TABLE items_fts;
DROP TABLE items;
DROP TABLE passages;
