-- Attempts that the death of the service interrupted, which are not the job's own failures.
ALTER TABLE jobs ADD COLUMN service_deaths BIGINT NOT NULL DEFAULT 0;
