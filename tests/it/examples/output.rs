//! Examples that print the same in every run.

use crate::examples::run;

/// A test for an example, by what it prints.
macro_rules! prints {
    ($($test:ident: $name:literal => [$($line:expr),* $(,)?];)*) => {$(
        #[codex_e2e_macros::test]
        async fn $test() {
            assert_eq!(run($name).await, [$($line),*]);
        }
    )*};
}

prints! {
    turn_result_prints_what_a_result_holds: "turn_result" => [
        "thread_id: ID",
        "turn_id: ID",
        "status: completed",
        "text: They can be read.",
        "items.count: 2",
        "item: userMessage",
        "item: agentMessage",
        "duration_ms: N",
        "usage: 100 tokens in, 4 out",
    ];
    typed_output_prints_the_values_of_an_answer: "typed_output" => [
        "Tagus: 1007 km, into the Atlantic",
        "traffic: Boats",
        "Douro: 897 km, into the Atlantic",
        "traffic: Boats",
        "items.count: 2",
    ];
    streaming_events_prints_each_notification: "streaming_events" => [
        "turn started: ID",
        "item started: userMessage",
        "item completed: userMessage",
        "item started: agentMessage",
        "It is wide. It is never still.",
        "item completed: agentMessage",
        "thread/tokenUsage/updated",
        "turn completed: completed",
        "stream.completed: true",
        "events.count: 14",
        "text: It is wide. It is never still.",
    ];
    existing_thread_is_resumed_by_another_client: "existing_thread" => [
        "Created thread: ID",
        "Text: A lemon.",
        "Resumed thread: ID",
        "Text: It is yellow.",
        "turns.count: 2",
    ];
    lifecycle_goes_from_start_to_archive: "lifecycle" => [
        "started: ID",
        "read: What is what, 2 turns",
        "listed: true",
        "archived: true",
        "unarchived: ID",
        "resumed: ID",
        "forked: ID",
        "compacted: ID",
        "Lifecycle OK: ID",
    ];
    error_handling_tells_what_to_do: "error_handling" => [
        "models.count: 8",
        "no such thread: the runtime refused `thread/resume`: no rollout found for thread id ID (code -32600): look for its id with `thread_list`, or resume it first if it isn't loaded",
        "the turn failed: The model `no-such-model` does not exist: choose another model (`codex.models()` lists them) (kind Other, items so far: 1)",
        "Status: completed",
        "Text: Hello.",
        "closed: start a new client",
    ];
    turn_params_brings_json_of_the_given_shape: "turn_params" => [
        "Status: completed",
        "summary: With hot water.",
        "steps.count: 2",
    ];
    external_message_starts_a_turn: "external_message" => [
        "task.status: completed",
        "message.status: completed",
        "message.items: functionCallOutput, agentMessage",
        "Text: A build failed in its linker.",
    ];
    tools_are_called: "tools" => [
        "called: Lisbon in 9 days",
        "called: Lisbon in 2 days",
        "Status: completed",
        "Text: In two days it will be sunny in Lisbon.",
    ];
    goal_is_pursued_over_many_turns: "goal" => [
        "goal.id: ID",
        "message: The Douro.",
        "message: The Tagus.",
        "message: The Guadiana.",
        "message: These are three.",
        "Status: completed",
        "Text: These are three.",
        "goal.status: complete",
        "goal.tokens: N",
    ];
    blocking_streams_and_runs_at_the_same_time: "blocking" => [
        "Server: Codex 0.163.0",
        "Hello, hello.",
        "Status: completed",
        "Text: Paint.",
        "Text: Paint.",
    ];
}
