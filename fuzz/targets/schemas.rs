//! Any JSON as the schema of an answer: it is refused, or sent as it is.
#![no_main]

use codex_fuzz::{connect, finish, run, start_thread};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(schema) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    run(async {
        let (codex, mut peer) = connect().await;
        let thread = start_thread(&codex, &mut peer, "t").await;
        let turn = thread.turn("go").output_schema(schema.clone());
        let serve = async {
            let request = peer.expect_request("turn/start").await;
            assert_eq!(request.params["outputSchema"], schema);
            peer.reply_error(&request.id, -32600, "seen", None).await;
        };
        tokio::select! {
            refused = turn.into_future() => drop(refused),
            () = serve => {}
        }
        drop(thread);
        finish(codex, peer).await;
    });
});
