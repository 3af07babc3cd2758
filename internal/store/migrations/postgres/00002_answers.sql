-- +goose Up
-- Questions asked and the tutor's answers.
CREATE TABLE answers (
    id       TEXT PRIMARY KEY,
    user_id  TEXT REFERENCES users (id) ON DELETE CASCADE, -- null where nobody was named
    asked_at BIGINT NOT NULL,
    source   TEXT   NOT NULL,           -- the face of the API that was asked
    model    TEXT   NOT NULL,
    letter   TEXT   NOT NULL,
    passage  TEXT   NOT NULL,
    stem     TEXT   NOT NULL,
    choices  TEXT   NOT NULL,           -- JSON
    answer   TEXT   NOT NULL            -- JSON: everything that is known of the answer
);
CREATE INDEX answers_of_user ON answers (user_id, asked_at);
CREATE INDEX answers_by_time ON answers (asked_at);

-- +goose Down
DROP TABLE answers;
