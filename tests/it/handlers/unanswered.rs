//! Requests that get no useful answer: no handler, one that refuses, fails or hangs, a client that is closed.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use codex_sdk::types::{
    CommandExecutionApprovalDecision as Command,
    CommandExecutionRequestApprovalParams as CommandApproval,
    CommandExecutionRequestApprovalResponse, ThreadLoadedListParams, TurnStatus,
};
use codex_sdk::{ApprovalMode, HandlerResult, RequestContext, ServerRequestHandler};
use tokio::sync::oneshot;

use crate::handlers::{command_status, stage, wants_to_write, was_written};

struct Refusing;

impl ServerRequestHandler for Refusing {}

#[codex_e2e_macros::test]
async fn approval_is_given_neither_without_a_handler_nor_by_one_that_refuses() {
    for handled in [false, true] {
        let stage = stage().await;
        let mut builder = stage.builder();
        if handled {
            builder = builder.handler(Refusing);
        }
        let codex = stage.open(builder).await.unwrap();
        let start = codex.thread_start().approval_mode(ApprovalMode::Ask);
        let thread = start.await.unwrap();
        wants_to_write(&stage);
        let result = thread.run("Leave a mark.").await.unwrap();
        assert_eq!(result.final_response.as_deref(), Some("Done."));
        assert_eq!(command_status(&result), Some("declined"));
        assert!(!was_written(&stage));
    }
}

/// Panics at first, then never answers, then uses the client.
struct Trouble {
    calls: AtomicUsize,
    listed: Mutex<Option<usize>>,
}

impl ServerRequestHandler for Trouble {
    async fn command_approval(
        &self,
        context: RequestContext,
        _params: CommandApproval,
    ) -> HandlerResult<CommandExecutionRequestApprovalResponse> {
        match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => panic!("a handler that panics"),
            1 => Err("a handler that fails".into()),
            2 => pending().await,
            _ => {
                let codex = context.client().ok_or("the client is gone")?;
                let loaded = codex.request(ThreadLoadedListParams::default());
                *self.listed.lock().unwrap() = Some(loaded.await?.data.len());
                let accept = Command::Accept;
                Ok(CommandExecutionRequestApprovalResponse::new(accept))
            }
        }
    }
}

#[codex_e2e_macros::test]
async fn approval_handlers_that_panic_fail_hang_or_call_back_harm_nobody_else() {
    let stage = stage().await;
    let handler = Arc::new(Trouble {
        calls: AtomicUsize::new(0),
        listed: Mutex::new(None),
    });
    let codex = stage.builder().handler(Arc::clone(&handler));
    let codex = stage.open(codex).await.unwrap();
    let thread = codex.thread_start().await.unwrap();
    for _ in 0..2 {
        wants_to_write(&stage);
        let result = thread.run("Leave a mark.").await.unwrap();
        assert_eq!(command_status(&result), Some("declined"));
    }
    // One that never answers holds up its own turn, and ends with it.
    wants_to_write(&stage);
    let turn = thread.turn("Leave a mark.").await.unwrap();
    while handler.calls.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(codex.stats().server_requests_pending, 1);
    turn.interrupt().await.unwrap();
    assert_eq!(turn.run().await.unwrap().status, TurnStatus::Interrupted);
    assert_eq!(codex.stats().server_requests_pending, 0);
    assert!(!was_written(&stage));
    // Its second reply was never asked for.
    let result = thread.run("Anything else?").await.unwrap();
    assert_eq!(result.final_response.as_deref(), Some("Done."));

    wants_to_write(&stage);
    let result = thread.run("Leave a mark.").await.unwrap();
    assert_eq!(command_status(&result), Some("completed"));
    assert_eq!(*handler.listed.lock().unwrap(), Some(1));
    assert!(was_written(&stage));
}

#[codex_e2e_macros::test]
async fn approval_that_is_waited_for_ends_with_the_client() {
    let stage = stage().await;
    let (dropped, waiting) = oneshot::channel::<()>();
    let dropped = Mutex::new(Some(dropped));
    let codex = stage
        .open(stage.builder().on_command_approval(move |_, _| {
            let until = dropped.lock().unwrap().take();
            async move {
                let _until = until;
                pending::<HandlerResult<Command>>().await
            }
        }))
        .await
        .unwrap();
    let thread = codex.thread_start().await.unwrap();
    wants_to_write(&stage);
    let run = tokio::spawn(thread.run("Leave a mark.").into_future());
    stage.model.next_request().await;
    while codex.stats().server_requests_pending == 0 {
        tokio::task::yield_now().await;
    }
    codex.close().await.unwrap();
    assert!(run.await.unwrap().unwrap_err().is_closed());
    // The future of the closure was dropped, and with it the sender.
    waiting.await.unwrap_err();
}
