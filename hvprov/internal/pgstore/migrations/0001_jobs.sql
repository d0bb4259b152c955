-- Records of jobs. Text keys are compared by bytes, as Go does.
CREATE TABLE hvprov_job (
    id        text COLLATE "C" PRIMARY KEY,  -- in lower case
    version   bigint NOT NULL,
    host      text COLLATE "C" NOT NULL,     -- folded letter case
    state     text COLLATE "C" NOT NULL,
    requester text COLLATE "C" NOT NULL,
    submitted bigint NOT NULL,               -- nanoseconds since 1970; timestamptz has microseconds
    name_key  text COLLATE "C",              -- the name that the job has reserved, with folded letter case
    vm_key    text COLLATE "C",              -- the virtual machine that the job has reserved, in lower case
    changed   timestamptz NOT NULL DEFAULT clock_timestamp(),
    record    bytea NOT NULL                 -- the output of jobstore.Encode; jsonb cannot store every text
);
CREATE UNIQUE INDEX hvprov_job_name ON hvprov_job (host, name_key) WHERE name_key IS NOT NULL;
CREATE UNIQUE INDEX hvprov_job_vm ON hvprov_job (host, vm_key) WHERE vm_key IS NOT NULL;
CREATE INDEX hvprov_job_order ON hvprov_job (submitted, id);
CREATE INDEX hvprov_job_active ON hvprov_job (host) WHERE state IN ('pending', 'queued', 'running', 'unknown');
CREATE INDEX hvprov_job_changed ON hvprov_job (changed);

-- Notifications; number grows with each write.
CREATE TABLE hvprov_notification (
    id      text COLLATE "C" PRIMARY KEY,
    number  bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    readers text[] COLLATE "C" NOT NULL DEFAULT '{}',
    body    bytea NOT NULL                   -- JSON of notifications.Notification
);
