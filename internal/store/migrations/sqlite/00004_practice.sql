-- +goose Up
CREATE TABLE sessions (
    id          TEXT PRIMARY KEY,
    user_id     TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    profile     TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    rev         BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    deadline_at BIGINT,                 -- null where untimed, paused or over
    doc         TEXT   NOT NULL         -- JSON
);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_deadline ON sessions (state, deadline_at);

-- What a student has entered for one question of a session.
CREATE TABLE responses (
    session_id TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    n          BIGINT NOT NULL,
    rev        BIGINT NOT NULL,
    answer     TEXT   NOT NULL,
    doc        TEXT   NOT NULL,         -- JSON
    PRIMARY KEY (session_id, n)
);

-- Every answered, skipped or revealed question of every mode.
CREATE TABLE attempts (
    id          TEXT PRIMARY KEY,
    user_id     TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id  TEXT REFERENCES sessions (id) ON DELETE CASCADE,
    item_id     TEXT    NOT NULL,
    content_key TEXT    NOT NULL,
    answered_at BIGINT  NOT NULL,
    answer      TEXT    NOT NULL,
    correct     BOOLEAN NOT NULL,
    cause       TEXT    NOT NULL,
    doc         TEXT    NOT NULL        -- JSON
);
CREATE INDEX attempts_of_user ON attempts (user_id, answered_at);
CREATE INDEX attempts_of_item ON attempts (user_id, item_id);
CREATE INDEX attempts_of_session ON attempts (session_id);

-- +goose Down
DROP TABLE attempts;
DROP TABLE responses;
DROP TABLE sessions;
