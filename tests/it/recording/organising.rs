//! Where threads belong: projects, sections, attachments, goals, queues.

use codex_e2e::Stage;
use codex_testkit::{Gate, Reply};
use codex_types as types;
use serde_json::json;

use crate::recording::session::{Session, text};
use crate::recording::tally::Tally;

pub(crate) async fn record() -> Tally {
    let stage = Stage::new().await.unwrap();
    let mut session = Session::start(&stage).await;
    let thread = session.thread(json!({})).await;
    session.turn(&thread, json!({}), [Reply::text("ok")]).await;
    projects(&mut session, &thread).await;
    sections(&mut session, &thread).await;
    attachments(&mut session, &thread).await;
    goals(&mut session, &thread).await;
    queue(&mut session, &thread).await;
    read_state(&mut session, &thread).await;
    session.end().await
}

async fn projects(session: &mut Session<'_>, thread: &str) {
    let root = session.stage.home.workspace();
    let created = session
        .request::<types::ProjectCreateParams>(
            json!({"idempotencyKey": "one", "name": "One", "roots": [{"path": root}]}),
        )
        .await;
    let id = created.project.id;
    session
        .request::<types::ProjectImportParams>(
            json!({"idempotencyKey": "two", "name": "Two", "roots": [], "threads": [thread]}),
        )
        .await;
    session
        .request::<types::ProjectReadParams>(json!({"projectId": id}))
        .await;
    session
        .request::<types::ProjectUpdateParams>(json!({"projectId": id, "name": "First"}))
        .await;
    session
        .request::<types::ProjectMoveParams>(json!({"projectId": id}))
        .await;
    session
        .request::<types::ThreadMetadataUpdateParams>(
            json!({"threadId": thread, "projectId": id, "gitInfo": {"branch": "main"}}),
        )
        .await;
    session
        .notification("thread/project/updated", |_| true)
        .await;
    session.request::<types::ProjectListParams>(json!({})).await;
    session
        .request::<types::ProjectDeleteParams>(json!({"projectId": id}))
        .await;
    session.notification("project/changed", |_| true).await;
}

async fn sections(session: &mut Session<'_>, thread: &str) {
    let created = session
        .request::<types::ThreadSectionCreateParams>(
            json!({"name": "Later", "appearance": {"color": "red", "icon": "clock"}}),
        )
        .await;
    let id = created.section.id;
    session
        .request::<types::ThreadSectionMoveParams>(json!({"threadId": thread, "sectionId": id}))
        .await;
    session
        .request::<types::ThreadSectionUpdateParams>(
            json!({"sectionId": id, "name": "Soon", "appearance": null}),
        )
        .await;
    session
        .request::<types::ThreadSectionListParams>(json!({}))
        .await;
    session
        .request::<types::ThreadSectionDeleteParams>(json!({"sectionId": id}))
        .await;
}

async fn attachments(session: &mut Session<'_>, thread: &str) {
    let key = json!({"attachmentType": "issue", "identityKey": "3"});
    let mut params = key.clone();
    params["threadId"] = json!(thread);
    let mut added = params.clone();
    added["payload"] = json!({"title": "Three"});
    session
        .request::<types::ThreadAttachmentAddParams>(added)
        .await;
    session
        .notification("thread/attachment/updated", |_| true)
        .await;
    session
        .request::<types::ThreadAttachmentListParams>(json!({"threadId": thread}))
        .await;
    session
        .request::<types::ThreadAttachmentOwnerListParams>(key)
        .await;
    session
        .request::<types::ThreadAttachmentRemoveParams>(params)
        .await;
}

async fn goals(session: &mut Session<'_>, thread: &str) {
    session
        .request::<types::ThreadGoalSetParams>(
            json!({"threadId": thread, "objective": "Finish.", "status": "paused"}),
        )
        .await;
    session.notification("thread/goal/updated", |_| true).await;
    session
        .request::<types::ThreadGoalGetParams>(json!({"threadId": thread}))
        .await;
    session
        .request::<types::ThreadGoalClearParams>(json!({"threadId": thread}))
        .await;
    session.notification("thread/goal/cleared", |_| true).await;
}

/// What is queued waits behind a turn that is held.
async fn queue(session: &mut Session<'_>, thread: &str) {
    let gate = Gate::new();
    let turn = session
        .start_turn(thread, json!({}), [Reply::text("ok").gate(&gate)])
        .await;
    gate.reached().await;
    let mut ids = Vec::new();
    for name in ["first", "second"] {
        let added = session
            .request::<types::ThreadQueueAddParams>(
                json!({"threadId": thread, "clientUserMessageId": name, "input": text(name)}),
            )
            .await;
        ids.push(added.queued_submission.id);
    }
    ids.reverse();
    session
        .request::<types::ThreadQueueReorderParams>(
            json!({"threadId": thread, "queuedSubmissionIds": ids}),
        )
        .await;
    session
        .request::<types::ThreadQueueUpdateParams>(
            json!({"threadId": thread, "queuedSubmissionId": ids[0], "input": text("third")}),
        )
        .await;
    session
        .request::<types::ThreadQueueListParams>(json!({"threadId": thread}))
        .await;
    for id in ids {
        session
            .request::<types::ThreadQueueDeleteParams>(
                json!({"threadId": thread, "queuedSubmissionId": id}),
            )
            .await;
    }
    session.notification("thread/queue/changed", |_| true).await;
    gate.release();
    session.turn_end(&turn).await;
}

async fn read_state(session: &mut Session<'_>, thread: &str) {
    let changed = session
        .notification("thread/readState/changed", |_| true)
        .await;
    // Another turn may have changed it since: the runtime compares revisions.
    let mut revision = changed["readState"]["revision"].clone();
    session.turn(thread, json!({}), [Reply::text("ok")]).await;
    while let Some(changed) = session.heard("thread/readState/changed", |_| true) {
        revision = changed["readState"]["revision"].clone();
    }
    session
        .request::<types::ThreadReadStateUpdateParams>(json!({
            "threadId": thread, "expectedRevision": revision, "operation": {"type": "read"},
        }))
        .await;
}
