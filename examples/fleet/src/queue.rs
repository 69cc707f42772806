//! The queue: one table, and every statement that touches it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use codex_sdk::TurnTicket;
use sqlx::postgres::{PgArguments, PgPoolOptions};
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Row};

/// A job that this worker has claimed.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) prompt: String,
    /// Identifies this claim: a later one has a higher number.
    pub(crate) attempts: i32,
    pub(crate) server: String,
    pub(crate) thread: Option<String>,
    pub(crate) ticket: Option<TurnTicket>,
    pub(crate) state: &'static str,
    pub(crate) result: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Queue {
    pool: PgPool,
    /// How long a claim lasts unless it is renewed.
    pub(crate) lease: Duration,
}

impl Queue {
    pub(crate) async fn open(url: &str, lease: Duration) -> Result<Self> {
        // A pool retries, and then reports only that it waited too long.
        let first = PgConnection::connect(url).await;
        first.context("can't open the database: check DATABASE_URL")?;
        let pool = PgPoolOptions::new().connect(url).await?;
        Ok(Self { pool, lease })
    }

    /// Adds jobs, all or none, and creates the table if it is missing.
    pub(crate) async fn add(&self, prompts: &[String]) -> Result<()> {
        let table = sqlx::raw_sql(include_str!("jobs.sql"));
        table.execute(&self.pool).await?;
        let jobs = sqlx::query("INSERT INTO jobs (prompt) SELECT unnest($1::text[])");
        jobs.bind(prompts).execute(&self.pool).await?;
        Ok(())
    }

    /// Claims the next job that one of these servers can run.
    ///
    /// A job that has a thread stays with its server and waits while that is down, because its turn may still run
    /// there; after `give_up` it moves to another server anyway. Any other job goes to the server that runs the
    /// fewest, counted over all workers. `SKIP LOCKED` skips rows that another worker is claiming right now.
    pub(crate) async fn claim(
        &self,
        servers: &[String],
        give_up: Option<Duration>,
    ) -> Result<Option<Job>> {
        let claim = sqlx::query(
            "WITH next AS (
                 SELECT id, thread IS NOT NULL AND server = ANY($1) AS stays FROM jobs
                 WHERE state = 'open' AND lease_until <= now()
                   AND (thread IS NULL OR server = ANY($1) OR lease_until <= now() - $3)
                 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
             ), least AS (
                 SELECT url FROM unnest($1) AS url ORDER BY (
                     SELECT count(*) FROM jobs
                     WHERE state = 'open' AND server = url AND lease_until > now()
                 ) LIMIT 1
             )
             UPDATE jobs SET
                 attempts = attempts + 1,
                 lease_until = now() + $2,
                 server = CASE WHEN stays THEN server ELSE (SELECT url FROM least) END,
                 thread = CASE WHEN stays THEN thread END,
                 ticket = CASE WHEN stays THEN ticket END
             FROM next WHERE jobs.id = next.id
             RETURNING jobs.id, prompt, attempts, server, thread, ticket",
        );
        let claim = claim.bind(servers).bind(self.lease).bind(give_up);
        let Some(row) = claim.fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let ticket: Option<Json<TurnTicket>> = row.try_get("ticket")?;
        Ok(Some(Job {
            id: row.try_get("id")?,
            prompt: row.try_get("prompt")?,
            attempts: row.try_get("attempts")?,
            server: row.try_get("server")?,
            thread: row.try_get("thread")?,
            ticket: ticket.map(|it| it.0),
            state: "open",
            result: None,
        }))
    }

    /// Keeps the claim on a job alive while this is polled and the claim holds.
    pub(crate) async fn renew(&self, id: i64, attempts: i32) -> Result<()> {
        loop {
            tokio::time::sleep(self.lease / 3).await;
            let renew = sqlx::query(
                "UPDATE jobs SET lease_until = now() + $3
                 WHERE id = $1 AND attempts = $2 AND state = 'open'",
            );
            self.write(renew.bind(id).bind(attempts).bind(self.lease))
                .await?;
        }
    }

    /// Stores the current state of a job, and keeps the claim for this long. Once the stored state isn't open, no
    /// statement changes the job again: that makes a result final.
    pub(crate) async fn save(&self, job: &Job, lease: Duration) -> Result<()> {
        let save = sqlx::query(
            "UPDATE jobs SET thread = $3, ticket = $4, state = $5, result = $6, lease_until = now() + $7
             WHERE id = $1 AND attempts = $2 AND state = 'open'",
        );
        let save = save.bind(job.id).bind(job.attempts).bind(&job.thread);
        let save = save.bind(job.ticket.as_ref().map(Json)).bind(job.state);
        self.write(save.bind(&job.result).bind(lease)).await
    }

    async fn write(&self, statement: Query<'_, Postgres, PgArguments>) -> Result<()> {
        let written = statement.execute(&self.pool).await?;
        ensure!(
            written.rows_affected() == 1,
            "another worker took the job over"
        );
        Ok(())
    }

    /// How many jobs are waiting, running, done and failed on each server.
    pub(crate) async fn counts(&self) -> Result<Vec<(String, String, i64)>> {
        let counts = sqlx::query_as(
            "SELECT CASE WHEN state <> 'open' THEN state
                         WHEN attempts > 0 AND lease_until > now() THEN 'running'
                         ELSE 'waiting' END,
                    coalesce(server, '-'), count(*)
             FROM jobs GROUP BY 1, 2 ORDER BY 1, 2",
        );
        Ok(counts.fetch_all(&self.pool).await?)
    }

    /// Whether any job is neither done nor failed. A worker asks this first.
    pub(crate) async fn has_open(&self) -> Result<bool> {
        let open = sqlx::query_scalar("SELECT EXISTS (SELECT FROM jobs WHERE state = 'open')");
        let open = open.fetch_one(&self.pool).await;
        open.context("can't read the table `jobs`: `fleet enqueue` creates it")
    }
}
