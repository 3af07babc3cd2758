-- +goose Up
-- Times are milliseconds since 1970 in UTC; secrets are kept as SHA-256 in hexadecimal, passwords as argon2id.

-- Everybody who owns something: accounts with a name, guests without.
CREATE TABLE users (
    id           TEXT PRIMARY KEY,
    name         TEXT    NOT NULL,
    name_key     TEXT UNIQUE,           -- the folded name that signs in; null for a guest
    role         TEXT    NOT NULL,
    password     TEXT    NOT NULL,
    keep_answers BOOLEAN NOT NULL,
    settings     TEXT    NOT NULL,      -- JSON
    created_at   BIGINT  NOT NULL,
    disabled_at  BIGINT
);

-- Who is signed in where.
CREATE TABLE tokens (
    hash       TEXT PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    agent      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_of_user ON tokens (user_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label      TEXT   NOT NULL,
    prefix     TEXT   NOT NULL,         -- the first characters, by which people tell keys apart
    hash       TEXT   NOT NULL UNIQUE,
    scopes     TEXT   NOT NULL,         -- separated by spaces
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    used_at    BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_keys_of_user ON api_keys (user_id);

CREATE TABLE invites (
    hash       TEXT PRIMARY KEY,
    role       TEXT   NOT NULL,
    created_by TEXT REFERENCES users (id) ON DELETE SET NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

-- What administrators did to accounts, and whose records they read.
CREATE TABLE access_log (
    id      TEXT PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT REFERENCES users (id) ON DELETE SET NULL, -- null for the command line
    action  TEXT   NOT NULL,
    subject TEXT REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX access_log_by_time ON access_log (at);

-- Tries of a password, by account and by address.
CREATE TABLE throttles (
    bucket TEXT PRIMARY KEY,
    since  BIGINT NOT NULL,
    tries  BIGINT NOT NULL,
    last   BIGINT NOT NULL
);

-- Requests by caller and window, where several replicas count together.
CREATE TABLE counters (
    bucket TEXT   NOT NULL,
    begin  BIGINT NOT NULL,
    count  BIGINT NOT NULL,
    PRIMARY KEY (bucket, begin)
);
CREATE INDEX counters_by_age ON counters (begin);

-- First results of requests that carried an Idempotency-Key.
CREATE TABLE replies (
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    route        TEXT   NOT NULL,
    idempotency  TEXT   NOT NULL,
    request_hash TEXT   NOT NULL,
    status       BIGINT NOT NULL,       -- 0 while the first request is served
    header       TEXT   NOT NULL,       -- JSON
    body         TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (user_id, route, idempotency)
);
CREATE INDEX replies_by_expiry ON replies (expires_at);

-- +goose Down
DROP TABLE replies;
DROP TABLE counters;
DROP TABLE throttles;
DROP TABLE access_log;
DROP TABLE invites;
DROP TABLE api_keys;
DROP TABLE tokens;
DROP TABLE users;
