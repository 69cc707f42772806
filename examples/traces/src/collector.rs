use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use axum::{Json, Router, extract::DefaultBodyLimit, routing::post};
use serde_json::{Value, json};

/// Spans in OTLP's JSON, each with the name of the service that sent it.
type Spans = Vec<(String, Value)>;

/// Starts a collector on loopback and returns its address.
pub(crate) async fn start(spans: Arc<Mutex<Spans>>) -> anyhow::Result<String> {
    let take = async move |Json(body): Json<Value>| {
        let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in list(&body["resourceSpans"]) {
            let mut attributes = list(&sender["resource"]["attributes"]);
            let service = attributes.find(|it| it["key"] == "service.name");
            let service = service.map_or("", |it| text(&it["value"], "stringValue"));
            let sent = list(&sender["scopeSpans"]).flat_map(|it| list(&it["spans"]));
            spans.extend(sent.map(|span| (service.to_owned(), span.clone())));
        }
        Json(json!({}))
    };
    let router = Router::new().fallback(post(take));
    let router = router.layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1/traces", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(url)
}

/// Prints the trace that contains the program's spans.
pub(crate) fn print(mut spans: Spans) -> anyhow::Result<()> {
    let own = spans.iter().find(|(service, _)| service == "program");
    let own = own.context("the program's spans didn't arrive")?;
    let trace = text(&own.1, "traceId").to_owned();
    spans.retain(|(_, span)| span["traceId"] == trace);
    spans.sort_by_cached_key(|(_, span)| text(span, "startTimeUnixNano").to_owned());
    let own = spans.iter().filter(|it| it.0 == "program").count();
    let runtime = spans.len() - own;
    ensure!(runtime > 0, "trace {trace} has no span of the runtime");
    println!("Trace {trace}: {own} spans of the program, {runtime} of the runtime\n");
    print_children(&spans, "", 0);
    Ok(())
}

/// Prints five levels of the tree, without the many reads of files.
fn print_children(spans: &Spans, parent: &str, depth: usize) {
    let children = spans
        .iter()
        .filter(|it| text(&it.1, "parentSpanId") == parent);
    for (service, span) in children.filter(|_| depth < 5) {
        if text(span, "name").starts_with("fs.") {
            continue;
        }
        let line = format!("{:1$}{2}", "", 2 * depth, text(span, "name"));
        println!("{line:<50}{service}");
        print_children(spans, text(span, "spanId"), depth + 1);
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
