//! Sends the spans of a program and of its Codex runtime to one collector, where they form one trace.
//!
//! The program has its own collector and a scripted model, so it needs nothing else. To use a real collector, put its
//! address in `url`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use anyhow::Context as _;
use codex_sdk::{Codex, Thread, TraceContext};
use codex_testkit::{CodexHome, Reply, ScriptedModel};
use opentelemetry::{propagation::TextMapPropagator as _, trace::TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use serde_json::json;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

mod collector;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let spans = Arc::default();
    let url = collector::start(Arc::clone(&spans)).await?;
    let provider = export_spans(&url)?;

    tokio::task::spawn_blocking(codex_testkit::runtime).await??;
    let model = ScriptedModel::start().await?;
    model.push(Reply::text("By Friday."));
    let home = CodexHome::builder().model(&model).build()?;
    let exporter = json!({ "otlp-http": { "endpoint": url, "protocol": "json" } });
    let builder = Codex::builder().envs(home.env()).cwd(home.workspace());
    let builder = builder.config("otel.trace_exporter", exporter);
    let codex = builder.trace_context(current_trace).start().await?;
    let answer = handle_request(&codex).await;

    // Both send their last spans when they end, so end them before returning the request's error.
    codex.close().await?;
    provider.shutdown()?;
    println!("{}\n", answer?);
    let spans = std::mem::take(&mut *spans.lock().unwrap_or_else(PoisonError::into_inner));
    collector::print(spans)
}

/// Sends the spans of this program to a collector.
fn export_spans(url: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder().with_http().with_endpoint(url);
    let exporter = exporter.with_protocol(Protocol::HttpJson).build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("program").build())
        .with_batch_exporter(exporter)
        .build();
    // Includes the SDK's spans: a turn's span is a child of the span in which the turn is started.
    let targets = [
        ("traces", LevelFilter::INFO),
        ("codex_sdk", LevelFilter::INFO),
    ];
    let own = Targets::new().with_targets(targets);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("traces"));
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(own));
    subscriber.try_init()?;
    Ok(provider)
}

/// The span that a request belongs to: its turn's span, or the one in which the program calls the SDK.
fn current_trace() -> Option<TraceContext> {
    let mut headers = HashMap::new();
    // This uses OpenTelemetry's current span. `tracing`'s may be one that isn't exported.
    TraceContextPropagator::new().inject(&mut headers);
    Some(TraceContext {
        traceparent: headers.remove("traceparent")?,
        tracestate: headers.remove("tracestate").filter(|it| !it.is_empty()),
    })
}

/// Stands for the program's real work, such as answering a request.
#[tracing::instrument(skip_all)]
async fn handle_request(codex: &Codex) -> anyhow::Result<String> {
    let thread = codex.thread_start().ephemeral(true).await?;
    ask(&thread).await
}

#[tracing::instrument(skip_all)]
async fn ask(thread: &Thread) -> anyhow::Result<String> {
    let result = thread.run("When will it be done?").await?;
    result.final_response.context("the model gave no answer")
}
