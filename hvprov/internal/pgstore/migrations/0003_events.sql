-- Events of jobs, for the clients of other replicas. number grows in the order in which rows become visible: see eventLock.
CREATE TABLE hvprov_event (
    job    text COLLATE "C" NOT NULL,   -- in lower case
    seq    bigint NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    origin text COLLATE "C" NOT NULL,   -- the replica that has published it
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    event  bytea NOT NULL,              -- JSON of job.Event
    PRIMARY KEY (job, seq)
);
CREATE INDEX hvprov_event_at ON hvprov_event (at);
