//! A recording of the real runtime: whatever it says decodes, and is written again as it came.

use codex_types::{ClientRequest, ServerNotification, ServerRequest};

use crate::recording::tally::Tally;

pub(crate) mod accounts;
mod answers;
mod configuration;
mod history;
mod organising;
mod remote;
pub(crate) mod session;
mod tally;
mod tools;
mod turns;
mod workspace;

#[codex_e2e_macros::test(flavor = "multi_thread")]
async fn every_line_of_a_recording_decodes() {
    let (one, two) = tokio::join!(
        async {
            [
                workspace::record().await,
                configuration::record().await,
                organising::record().await,
                history::record().await,
                remote::record().await,
            ]
        },
        async {
            [
                turns::record().await,
                tools::record().await,
                tools::record_time().await,
                accounts::record().await,
            ]
        },
    );
    let mut tally = Tally::default();
    one.into_iter()
        .chain(two)
        .for_each(|part| tally.merge(part));
    assert!(
        tally.faults.is_empty(),
        "{} lines lost something:\n{}",
        tally.faults.len(),
        tally.faults.join("\n")
    );
    let notifications = count(
        "notifications",
        &tally.notifications,
        ServerNotification::METHODS,
    );
    let replies = count("replies", &tally.replies, ClientRequest::METHODS);
    let requests = count(
        "server requests",
        &tally.server_requests,
        ServerRequest::METHODS,
    );
    assert!(notifications >= 40, "{notifications} notifications");
    assert!(replies >= 60, "{replies} replies");
    // Those of older runtimes alone can't be.
    let retired = ServerRequest::RETIRED.len();
    assert!(requests >= 9 - retired, "{requests} server requests");
    assert!(!tally.refusals.is_empty(), "no error was recorded");
}

/// Says what was recorded and what wasn't, for who runs this with `--nocapture`, and for a failure.
fn count<M: AsRef<str> + Ord>(
    what: &str,
    recorded: &std::collections::BTreeSet<M>,
    all: &[&str],
) -> usize {
    let recorded: Vec<&str> = recorded.iter().map(AsRef::as_ref).collect();
    let missing: Vec<_> = all.iter().filter(|it| !recorded.contains(it)).collect();
    eprintln!(
        "{} {what}: {recorded:?}\nnot recorded: {missing:?}\n",
        recorded.len()
    );
    recorded.len()
}
