-- Idempotency keys of requests that made no job of their own: they joined a build, or their circuit was there.
CREATE TABLE joined_keys (
    owner TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    job TEXT NOT NULL REFERENCES jobs (id),
    PRIMARY KEY (owner, idempotency_key)
);
