CREATE TABLE IF NOT EXISTS jobs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prompt      text NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
    -- Where the job runs: its server, its thread there, and its turn. Each is stored as soon as it is known.
    server      text,
    thread      text,
    ticket      jsonb,
    -- The answer, or why there is none.
    result      text,
    -- How often the job was claimed. Only the latest claim may write to it.
    attempts    integer NOT NULL DEFAULT 0,
    -- When an open job may be claimed again.
    lease_until timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS open_jobs ON jobs (id) WHERE state = 'open';
