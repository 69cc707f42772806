//! Examples that print the same in every run.

use codex_e2e::Stage;

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
        "> Name one virtue of small programs.",
        "",
        "thread    ID",
        "turn      ID",
        "status    completed",
        "answer    They can be read.",
        "items     userMessage, agentMessage",
        "duration  N ms",
        "usage     100 tokens in, 4 out",
    ];
    typed_output_prints_the_values_of_an_answer: "typed_output" => [
        "> Which are the two longest rivers of Portugal?",
        "",
        "Tagus      1007 km, into the Atlantic, with boats on it",
        "Douro       897 km, into the Atlantic, with boats on it",
    ];
    streaming_events_prints_each_notification: "streaming_events" => [
        "> Describe the sea in two sentences.",
        "",
        "The turn ID starts.",
        "  userMessage starts",
        "  userMessage is complete",
        "  agentMessage starts",
        "It is wide. It is never still.",
        "  agentMessage is complete",
        "  thread/tokenUsage/updated",
        "The turn is completed.",
        "These were 14 notifications.",
        "The answer as a whole: It is wide. It is never still.",
    ];
    existing_thread_is_resumed_by_another_client: "existing_thread" => [
        "Started the thread ID",
        "> Think of a fruit, and name it.",
        "A lemon.",
        "Resumed the thread ID",
        "> What colour is it?",
        "It is yellow.",
        "It has 2 turns.",
    ];
    lifecycle_goes_from_start_to_archive: "lifecycle" => [
        "Started the thread ID",
        r#"It is named "What is what" and has 2 turns."#,
        "It is in the list of threads.",
        "Now it is in the list of archived threads.",
        "It is back from the archive.",
        "It is resumed, with less effort.",
        "It is forked as ID",
        "It is compacted.",
        "Both threads are archived.",
    ];
    turn_params_brings_json_of_the_given_shape: "turn_params" => [
        "With hot water.",
        "1. Boil water.",
        "2. Wait.",
    ];
    external_message_starts_a_turn: "external_message" => [
        "The model was given a task, and said: I will.",
        "The turn of the message has the items functionCallOutput and agentMessage.",
        "The model said: A build failed in its linker.",
    ];
    tools_are_called: "tools" => [
        "> Ask for the forecast for Lisbon, 9 days ahead; if there is none, 2 days ahead.",
        "",
        "The model asks for Lisbon in 9 days.",
        "The model asks for Lisbon in 2 days.",
        "In two days it will be sunny in Lisbon.",
    ];
    goal_is_pursued_over_many_turns: "goal" => [
        "> Name three rivers, one in each turn. After the third the goal is complete.",
        "",
        "The goal runs as turn ID",
        "The Douro.",
        "The Tagus.",
        "The Guadiana.",
        "These are three.",
        "The turn was completed.",
        "The goal is complete and took N tokens.",
    ];
    blocking_streams_and_runs_at_the_same_time: "blocking" => [
        "Codex VERSION",
        "Hello, hello.",
        "The turn was completed.",
        "Something red: Paint.",
        "Something blue: Paint.",
    ];
}

/// How many models there are differs from runtime to runtime.
#[codex_e2e_macros::test]
async fn error_handling_tells_what_to_do() {
    let stage = Stage::new().await.unwrap();
    let models = stage.start().await.unwrap().models().await.unwrap();
    let models = models.data.len();
    assert!(models > 0);
    let expected = [
        &*format!("The runtime offers {models} models."),
        "There is no such thread: the runtime refused `thread/resume`: no rollout found for thread id ID (code -32600): look for its id with `thread_list`, or resume it first if it isn't loaded",
        "No answer: the turn failed: The model `no-such-model` does not exist: choose another model (`codex.models()` lists them) (condition ModelUnavailable, items before it: 1)",
        "The thread still answers: Hello.",
        "The client is closed: start a new client",
    ];
    assert_eq!(run("error_handling").await, expected);
}
