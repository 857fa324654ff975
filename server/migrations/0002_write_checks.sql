-- What the readiness check writes, to find out whether writes succeed.
CREATE TABLE write_checks (
    name TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
