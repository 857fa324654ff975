-- Portable between SQLite and Postgres: ids are TEXT, moments are BIGINT milliseconds since 1970, structures are
-- TEXT holding JSON.

CREATE TABLE models (
    model TEXT NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL,
    created BIGINT NOT NULL,
    details TEXT NOT NULL
);

CREATE TABLE model_tags (
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    model TEXT NOT NULL REFERENCES models (model),
    moved BIGINT NOT NULL,
    PRIMARY KEY (name, tag)
);

CREATE INDEX model_tags_by_model ON model_tags (model);

CREATE TABLE jobs (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- The circuit of a proof job, for filtering.
    circuit TEXT,
    work TEXT NOT NULL,
    priority BIGINT NOT NULL,
    meta TEXT,
    predicted_memory BIGINT NOT NULL,
    created BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    failed_attempts BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    queue_timeout BIGINT NOT NULL,
    -- queued + queue_timeout
    queue_deadline BIGINT NOT NULL,
    prove_timeout BIGINT NOT NULL,
    started BIGINT,
    finished BIGINT,
    failure TEXT,
    phase TEXT,
    timings TEXT NOT NULL,
    outcome TEXT,
    -- sha256 of the proof bundle among the blobs.
    bundle TEXT,
    idempotency_key TEXT,
    request_digest TEXT,
    UNIQUE (owner, idempotency_key)
);

CREATE INDEX jobs_by_state ON jobs (state, queue_deadline);

CREATE INDEX jobs_by_circuit ON jobs (circuit, id);

-- The private input, gone as soon as its job has ended.
CREATE TABLE job_inputs (
    job TEXT NOT NULL PRIMARY KEY REFERENCES jobs (id),
    sha256 TEXT NOT NULL,
    input TEXT NOT NULL
);

CREATE TABLE job_events (
    job TEXT NOT NULL REFERENCES jobs (id),
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (job, sequence)
);

CREATE TABLE circuits (
    circuit TEXT NOT NULL PRIMARY KEY,
    -- The first file it was made from.
    model TEXT NOT NULL REFERENCES models (model),
    setup TEXT NOT NULL,
    facts TEXT NOT NULL,
    created BIGINT NOT NULL,
    job TEXT NOT NULL REFERENCES jobs (id)
);

-- Files that spell the same network differently become the same circuit.
CREATE TABLE circuit_sources (
    model TEXT NOT NULL REFERENCES models (model),
    setup TEXT NOT NULL,
    circuit TEXT NOT NULL REFERENCES circuits (circuit),
    PRIMARY KEY (model, setup)
);
