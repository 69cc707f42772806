//! Generates the files of `codex-types` from a schema.

use anyhow::Result;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::codegen::Files;
use crate::emit::Provenance;
use crate::extract::Emitted;
use crate::model::{Model, Overrides};
use crate::problems::Problems;
use crate::retired::Retired;
use crate::{emit, fields, normalise};

/// The sources of the types.
pub struct Inputs {
    pub emitted: Emitted,
    pub overrides: Overrides,
    pub retired: Retired,
}

/// The result.
pub struct Generated {
    pub model: Model,
    pub files: Files,
}

/// Generates all files. Unclear constructs are reported as problems and get the cautious treatment.
pub fn generate(inputs: &Inputs, problems: &Problems) -> Result<Generated> {
    let model = model(inputs, problems)?;
    let provenance = Provenance {
        runtime_version: inputs.emitted.version.clone(),
        schema_sha256: sha256(&inputs.emitted.experimental),
    };
    let files = emit::files(&model, &provenance, problems)?;
    files
        .texts()
        .try_for_each(|it| fields::assert_no_inventions(it))?;
    Ok(Generated { model, files })
}

/// The model of a schema.
fn model(inputs: &Inputs, problems: &Problems) -> Result<Model> {
    let mut complete = serde_json::from_str(&inputs.emitted.experimental)?;
    inputs.retired.restore(&mut complete, problems);
    let complete = normalise::complete(&complete, problems)?;
    let mut stable = serde_json::from_str(&inputs.emitted.stable)?;
    inputs
        .retired
        .stable()
        .restore(&mut stable, &Problems::default());
    let stable = normalise::subset(&stable)?;
    let mut model = Model::build(&complete, &stable, &inputs.overrides, problems)?;
    for method in &mut model.server_requests {
        if let Some(request) = inputs.retired.requests.get(&method.name) {
            method.retired = Some(request.since.clone());
            method.experimental = request.experimental;
        }
    }
    Ok(model)
}

/// The hash of a text in hex.
pub fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}
