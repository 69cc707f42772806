//! What the runtime writes is no line, no text, no JSON, or too much of it.

use std::time::{Duration, Instant};

use codex_sdk::{CloseReason, Codex, Error, NotificationStream, TurnHandle};
use codex_testkit::Peer;
use serde_json::json;

use crate::answers::is_alive;
use crate::peer::{begin, connect, connect_with, settle, start_thread, start_turn};
use crate::{alone, faults, since};

faults! {
    garbage: "text, binary data and blank lines between the messages" => "each is reported as `MalformedLine`; turns lose nothing";
    nested: "JSON that is nested 100,000 levels deep" => "delivered unread, or `MalformedLine`; turns lose nothing";
    numbers: "numbers beyond every range" => "messages are delivered, a stray answer is ignored; turns lose nothing";
    doubled: "members that are there twice" => "messages are delivered, a stray answer is ignored; turns lose nothing";
    line_ends: "lines that end with CR LF, and a byte order mark" => "CR LF is read as a line's end; a mark is a `MalformedLine`";
    surrogates: "half surrogates, and NUL in strings" => "the messages are delivered; turns lose nothing";
    megabytes: "a line of 63 MB" => "it arrives whole";
    too_long: "a line of 68 MB where `max_line_bytes` is 64 MiB" => "`LineTooLong` for the turn that it was for; other turns lose nothing";
    endless: "100 MB without a line's end" => "it isn't held; the connection lives on once the line has ended";
    half_a_line: "the output ends in the middle of a line" => "`Closed`, with `EndedInLine` and the number of bytes";
    piecemeal: "a turn that comes byte by byte" => "it arrives whole";
    output_closed: "the output ends, and nothing else does" => "all that wait get `Closed`";
    input_unread: "the runtime reads nothing, and 100 MB are sent to it" => "each call fails with `Timeout`; nothing hangs";
}

/// Three turns' worth of lines around what is wrong.
async fn between(lines: &[&[u8]]) -> (usize, usize) {
    let (codex, mut peer, mut turn, mut rest) = scene(Codex::builder()).await;
    let (mut delivered, mut reported) = (0, 0);
    peer.turn("t", "1").delta("i", "before ").await;
    for line in lines {
        peer.raw(*line).await;
        peer.raw(&b"\n"[..]).await;
    }
    peer.turn("t", "1").delta("i", "after").await;
    peer.turn("t", "1").completed("completed").await;
    settle(&codex, &mut peer).await;
    let mut text = String::new();
    while let Some(event) = turn.next().await {
        match event {
            Ok(event) if event.method() == "turn/completed" => {}
            Ok(event) => match event.text_delta() {
                Some(delta) => text.push_str(delta),
                None => delivered += 1,
            },
            Err(Error::MalformedLine { .. }) => reported += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(text, "before after");
    peer.notify("the/last/one", json!({})).await;
    loop {
        match rest.next().await.unwrap() {
            Ok(event) if event.method() == "the/last/one" => break,
            Ok(_) => delivered += 1,
            Err(Error::MalformedLine { .. }) => reported += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    is_alive(&codex, &mut peer).await;
    (delivered, reported)
}

/// How many lines were delivered and how many reported.
fn counted((delivered, reported): (usize, usize), expected: (usize, usize)) -> String {
    assert_eq!((delivered, reported), expected);
    match (delivered, reported) {
        (0, reported) => format!("{reported} reported"),
        (delivered, 0) => format!("{delivered} delivered"),
        (delivered, reported) => format!("{delivered} delivered, {reported} reported"),
    }
}

async fn scene(builder: codex_sdk::CodexBuilder) -> (Codex, Peer, TurnHandle, NotificationStream) {
    let (codex, mut peer) = connect_with(builder).await;
    let rest = codex.notifications();
    let thread = start_thread(&codex, &mut peer, "t").await;
    let turn = start_turn(&thread, &mut peer, "1").await;
    (codex, peer, turn, rest)
}

async fn garbage() -> String {
    let lines: [&[u8]; 9] = [
        b"starting up...",
        b"",
        b"   ",
        b"\xff\xfe\x00\x80",
        b"\x7fELF\x02\x01\x01",
        b"{\"method\":",
        b"{\"method\":\"warning\"}{}",
        b"[]",
        b"17",
    ];
    counted(between(&lines).await, (0, 9))
}

async fn nested() -> String {
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    let array = format!("{{\"method\":\"deep\",\"params\":{}}}", deep("[", "]"));
    let object = format!(
        "{{\"method\":\"deep\",\"params\":{}1{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    let open = "[".repeat(1_000_000);
    counted(
        between(&[array.as_bytes(), object.as_bytes(), open.as_bytes()]).await,
        (2, 1),
    )
}

async fn numbers() -> String {
    let lines: [&[u8]; 5] = [
        b"{\"method\":\"deep\",\"params\":{\"n\":1e999}}",
        b"{\"method\":\"deep\",\"params\":{\"n\":-123456789012345678901234567890}}",
        b"{\"method\":\"deep\",\"params\":{\"n\":0.0000000000000000000000000000000000000000000000001}}",
        b"{\"method\":\"thread/tokenUsage/updated\",\"params\":{\"threadId\":\"t\",\"turnId\":\"1\",\"tokenUsage\":1e400}}",
        b"{\"id\":1e999,\"result\":{}}",
    ];
    counted(between(&lines).await, (4, 0))
}

async fn doubled() -> String {
    let lines: [&[u8]; 3] = [
        b"{\"method\":\"one\",\"method\":\"two\",\"params\":{}}",
        b"{\"method\":\"warning\",\"params\":{\"message\":\"a\",\"message\":\"b\"},\"params\":null}",
        b"{\"id\":1,\"id\":2,\"result\":{},\"result\":{}}",
    ];
    counted(between(&lines).await, (2, 0))
}

async fn line_ends() -> String {
    let lines: [&[u8]; 3] = [
        b"{\"method\":\"deprecationNotice\",\"params\":{\"summary\":\"x\"}}\r",
        b"\xef\xbb\xbf{\"method\":\"deprecationNotice\",\"params\":{\"summary\":\"x\"}}",
        b"\r",
    ];
    counted(between(&lines).await, (1, 2))
}

async fn surrogates() -> String {
    let lines: [&[u8]; 3] = [
        b"{\"method\":\"deprecationNotice\",\"params\":{\"summary\":\"\\ud800\"}}",
        b"{\"method\":\"deprecationNotice\",\"params\":{\"summary\":\"\\u0000\"}}",
        b"{\"method\":\"deprecationNotice\",\"params\":{\"summary\":\"\xed\xa0\x80\"}}",
    ];
    counted(between(&lines).await, (3, 0))
}

async fn megabytes() -> String {
    let (_codex, mut peer, mut turn, _rest) = scene(Codex::builder()).await;
    let text = "x".repeat(63_000_000);
    let start = Instant::now();
    let send = async { peer.turn("t", "1").delta("i", &text).await };
    let (event, ()) = tokio::join!(turn.next(), send);
    assert_eq!(
        event.unwrap().unwrap().text_delta().map(str::len),
        Some(text.len())
    );
    let took = since(start);
    peer.turn("t", "1").completed("completed").await;
    turn.run().await.unwrap();
    took
}

async fn too_long() -> String {
    let limited = Codex::builder().max_line_bytes(64 << 20);
    let (codex, mut peer, turn, _rest) = scene(limited).await;
    let other = start_thread(&codex, &mut peer, "u").await;
    let other = start_turn(&other, &mut peer, "2").await;
    let text = "x".repeat(68_000_000);
    let serve = async {
        peer.turn("t", "1").delta("i", &text).await;
        peer.turn("u", "2").play("short").await;
    };
    let (error, result, ()) =
        tokio::join!(turn.run().into_future(), other.run().into_future(), serve);
    let error = error.unwrap_err();
    assert!(format!("{error:?}").contains("max_line_bytes"), "{error:?}");
    assert_eq!(result.unwrap().final_response.as_deref(), Some("short"));
    "1 of 1".to_owned()
}

async fn endless() -> String {
    if let Some(figure) = alone("lines::rows::endless") {
        return figure;
    }
    let (codex, mut peer, turn, _rest) = scene(Codex::builder().max_line_bytes(100_000)).await;
    let before = peak();
    let serve = async {
        for _ in 0..100 {
            peer.raw(vec![b'x'; 1_000_000]).await;
            // The pipe is in memory, too: the client has turns enough to empty it.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        peer.raw(&b"\n"[..]).await;
        peer.turn("t", "1").play("after it").await;
    };
    let (result, ()) = tokio::join!(turn.run().into_future(), serve);
    // Nobody can say whose line it was.
    let said = result.map(|result| result.final_response);
    is_alive(&codex, &mut peer).await;
    let grown = peak().saturating_sub(before);
    assert!(said.is_ok_and(|said| said.as_deref() == Some("after it")));
    assert!(grown < 20_000_000, "{grown}");
    format!("{} MB more memory", grown / 1_000_000)
}

/// How much memory this process has had at most, in bytes.
pub(crate) fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().unwrap() * 1024
}

async fn half_a_line() -> String {
    let (codex, mut peer, turn, _rest) = scene(Codex::builder()).await;
    let request = begin(codex.request_raw("it", json!({})).into_future()).await;
    peer.raw(&b"{\"method\":\"turn/comp"[..]).await;
    peer.close().await;
    for error in [turn.run().await.unwrap_err(), request.await.unwrap_err()] {
        let closed = error.closed().unwrap();
        assert_eq!(closed.reason, CloseReason::EndedInLine { bytes: 20 });
    }
    "20 bytes".to_owned()
}

async fn piecemeal() -> String {
    let (_codex, mut peer, turn, _rest) = scene(Codex::builder()).await;
    let turn = tokio::spawn(turn.run().into_future());
    let (mut copy, (mut output, _input)) = Peer::pair();
    copy.turn("t", "1").play("in pieces").await;
    drop(copy);
    let mut bytes = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut output, &mut bytes)
        .await
        .unwrap();
    for byte in &bytes {
        peer.raw([*byte]).await;
        tokio::task::yield_now().await;
    }
    let result = turn.await.unwrap().unwrap();
    assert_eq!(result.final_response.as_deref(), Some("in pieces"));
    format!("{} bytes", bytes.len())
}

async fn output_closed() -> String {
    let (codex, mut peer, turn, mut rest) = scene(Codex::builder()).await;
    let request = begin(codex.request_raw("it", json!({})).into_future()).await;
    peer.expect_request("it").await;
    let start = Instant::now();
    peer.close().await;
    assert!(turn.run().await.unwrap_err().is_closed());
    assert!(request.await.unwrap_err().is_closed());
    assert!(rest.next().await.unwrap().unwrap_err().is_closed());
    assert!(codex.models().await.unwrap_err().is_closed());
    since(start)
}

async fn input_unread() -> String {
    let (codex, peer) = connect().await;
    let limit = Duration::from_millis(500);
    let text = "x".repeat(1_000_000);
    let start = Instant::now();
    let calls = (0..100).map(|_| {
        let call = codex.request_raw("it", json!(text)).timeout(limit);
        tokio::spawn(call.into_future())
    });
    for call in calls.collect::<Vec<_>>() {
        let error = call.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    }
    let took = since(start);
    codex.close().await.unwrap();
    drop(peer);
    took
}
