-- +goose Up
-- Pairs of answers that an evaluator was shown blind, with the vote once there is one.
CREATE TABLE arena_pairs (
    id         TEXT PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    voted_at   BIGINT,
    winner     TEXT   NOT NULL,         -- "a", "b", "tie", "both_bad"; empty before the vote
    doc        TEXT   NOT NULL          -- JSON
);
CREATE INDEX arena_pairs_of_user ON arena_pairs (user_id, created_at);
CREATE INDEX arena_pairs_by_vote ON arena_pairs (voted_at);

CREATE TABLE evaluation_runs (
    id         TEXT PRIMARY KEY,
    started_at BIGINT  NOT NULL,
    model      TEXT    NOT NULL,
    pool       TEXT    NOT NULL,
    n          BIGINT  NOT NULL,
    complete   BOOLEAN NOT NULL,
    header     TEXT    NOT NULL,        -- JSON
    samples    TEXT    NOT NULL         -- JSON, one a line
);
CREATE INDEX evaluation_runs_of_model ON evaluation_runs (model, started_at);

-- +goose Down
DROP TABLE evaluation_runs;
DROP TABLE arena_pairs;
