-- Which replica works the queue of a host, until when. term grows with each change of the owner.
CREATE TABLE hvprov_host (
    host    text COLLATE "C" PRIMARY KEY,  -- folded letter case
    owner   text COLLATE "C" NOT NULL,
    term    bigint NOT NULL,
    expires timestamptz NOT NULL
);
CREATE TABLE hvprov_replica (
    id   text COLLATE "C" PRIMARY KEY,
    seen timestamptz NOT NULL
);
