//! A server of the Model Context Protocol with one tool, which asks the user for a name.

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let mut output = io::stdout();
    // The call of the tool that waits for the user.
    let mut waiting = Value::Null;
    for line in io::stdin().lock().lines() {
        let message: Value = serde_json::from_str(&line?)?;
        for mut reply in replies(&message, &mut waiting) {
            reply["jsonrpc"] = json!("2.0");
            writeln!(output, "{reply}")?;
        }
        output.flush()?;
    }
    Ok(())
}

fn replies(message: &Value, waiting: &mut Value) -> Vec<Value> {
    let (id, params) = (&message["id"], &message["params"]);
    let result = match message["method"].as_str() {
        Some("initialize") => json!({
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}, "resources": {}},
            "serverInfo": {"name": "tiny", "version": "1"},
        }),
        Some("tools/list") => json!({"tools": [{
            "name": "ask", "description": "Asks the user for a name.",
            "inputSchema": {"type": "object", "properties": {}},
        }]}),
        Some("tools/call") => {
            *waiting = id.clone();
            return ask(params);
        }
        Some("resources/list") => json!({"resources": [{"uri": "tiny://note", "name": "note"}]}),
        Some("resources/templates/list") => json!({"resourceTemplates": []}),
        Some("resources/read") => {
            json!({"contents": [{"uri": params["uri"], "text": "a note"}]})
        }
        // A notification.
        Some(_) => return Vec::new(),
        None => return vec![greet(message, &waiting.take())],
    };
    vec![json!({"id": id, "result": result})]
}

/// Says how far it is, and asks.
fn ask(params: &Value) -> Vec<Value> {
    let progress = json!({
        "progressToken": params["_meta"]["progressToken"],
        "progress": 1, "total": 2, "message": "asking",
    });
    let schema = json!({
        "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
    });
    vec![
        json!({"method": "notifications/progress", "params": progress}),
        json!({
            "id": "question", "method": "elicitation/create",
            "params": {"message": "Who are you?", "requestedSchema": schema},
        }),
    ]
}

/// Ends the call with what the user said.
fn greet(answer: &Value, call: &Value) -> Value {
    let name = answer["result"]["content"]["name"].as_str();
    let text = format!("Hello, {}!", name.unwrap_or("nobody"));
    let content = json!({"content": [{"type": "text", "text": text}]});
    json!({"id": call, "result": content})
}
