//! The end of the connection: what everybody must have got.

use std::collections::BTreeSet;

use codex_sdk::types::{ThreadItem, TurnStatus};
use codex_sdk::{Error, NotificationStream, ThreadWatch, TurnHandle, TurnResult};

use super::THREADS;
use super::real::{Got, Handle, Real, is_refusal, item};
use super::reference::Model;

impl Real {
    /// Ends the connection and reads everything to its end.
    pub(super) fn finish(mut self, model: &Model) {
        let mut model = model.clone();
        for thread in 0..THREADS {
            while !self.reads[thread].is_empty() {
                self.list(&model, thread);
                model.list(thread);
            }
        }
        let model = &model;
        self.settle();
        self.check(model);
        let Self {
            tokio,
            codex,
            mut peer,
            handles,
            watches,
            rest,
            threads,
            requests,
            ..
        } = self;
        tokio.block_on(async {
            peer.close().await;
            for (number, handle) in handles.into_iter().enumerate() {
                handle.finish(model, number).await;
            }
            for (number, watch) in watches.into_iter().enumerate() {
                if let Some(watch) = watch {
                    let context = format!("watch {number} of {model:#?}");
                    assert_eq!(watched(watch).await, model.of_watch(number), "{context}");
                }
            }
            check_rest(rest, model).await;
            drop(requests);
            codex.close().await.unwrap();
            let stats = codex.stats();
            assert_eq!((stats.requests_in_flight, stats.live_turns), (0, 0));
            assert_eq!(stats.server_requests_pending, 0);
            drop(threads);
        });
    }
}

impl Handle {
    /// Reads everything to its end.
    async fn finish(self, model: &Model, number: usize) {
        let of = &model.handles[number];
        let expected = model.of_handle(number);
        let status = model.status(number);
        let context = format!("handle {number} of {model:#?}");
        let (turn, got) = match self {
            Self::Gone => return assert!(of.dropped || of.refused, "{context}"),
            Self::Starts(call) => match call.await.unwrap() {
                Ok(turn) => (turn, Got::default()),
                Err(error) if of.refused => return assert!(is_refusal(&error), "{error:?}"),
                Err(error) => {
                    let lost = error.is_closed() && of.turns.is_empty();
                    return assert!(lost, "{error:?} {context}");
                }
            },
            Self::Stream(turn, got) => (*turn, got),
            Self::Runs(run) => match run.await.unwrap() {
                Ok(result) => {
                    assert_eq!(Some(result.status.as_str()), status, "{context}");
                    return assert_eq!(items_of(&result), expected, "{context}");
                }
                Err(error) if of.refused => return assert!(is_refusal(&error), "{error:?}"),
                Err(error) => {
                    match status {
                        Some("failed") => assert!(matches!(error, Error::TurnFailed(_))),
                        Some(_) => panic!("{error:?} {context}"),
                        None => assert!(error.is_closed(), "{error:?} {context}"),
                    }
                    if !of.turns.is_empty() {
                        let partial = error.partial_result().unwrap();
                        assert_eq!(items_of(partial), expected, "{context}");
                    }
                    return;
                }
            },
        };
        streamed(turn, got, status, &expected, &context).await;
    }
}

/// What nobody took must be in the stream of the rest, and what somebody has taken must not.
async fn check_rest(mut rest: NotificationStream, model: &Model) {
    let mut left = Vec::new();
    while let Some(event) = rest.next().await {
        match event {
            Ok(event) => left.extend(item(&event)),
            Err(error) => assert!(error.is_closed(), "{error:?}"),
        }
    }
    let context = || format!("{left:?} of {model:#?}");
    for thread in 0..THREADS {
        let is_of = |item: &&usize| model.turn(model.items[**item]).thread == thread;
        let of_thread = left.iter().filter(is_of);
        assert!(
            of_thread.is_sorted_by(|one, next| one < next),
            "{}",
            context()
        );
    }
    let mut delivered: BTreeSet<_> = left.iter().copied().collect();
    for (handle, of) in model.handles.iter().enumerate() {
        let taken = model.of_handle(handle);
        let twice = !of.dropped && taken.iter().any(|it| left.contains(it));
        assert!(!twice, "{}", context());
        delivered.extend(taken);
    }
    assert!(
        delivered.into_iter().eq(0..model.items.len()),
        "{}",
        context()
    );
}

fn items_of(result: &TurnResult) -> Vec<usize> {
    let texts = result.items.iter().filter_map(|item| match item {
        ThreadItem::AgentMessage(message) => message.text.parse().ok(),
        _ => None,
    });
    texts.collect()
}

/// Reads a stream to its end, which must be the end of its turn or of the connection.
async fn streamed(
    mut turn: TurnHandle,
    mut got: Got,
    status: Option<&str>,
    expected: &[usize],
    context: &str,
) {
    while let Some(event) = turn.next().await {
        got.take(event);
    }
    assert_eq!(got.items, expected, "{context}");
    let end = got.end.as_ref().map(TurnStatus::as_str);
    assert_eq!((got.lost, end), (status.is_none(), status), "{context}");
}

/// Reads a watch to the end of the connection.
async fn watched(mut watch: ThreadWatch) -> Vec<usize> {
    let mut items = Vec::new();
    while let Some(event) = watch.next().await {
        match event {
            Ok(event) => items.extend(item(&event)),
            Err(error) => assert!(error.is_closed(), "{error:?}"),
        }
    }
    items
}
