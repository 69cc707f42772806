//! Methods, and which response belongs to which.
//!
//! No machine-readable source says so: four rules and a table of exceptions do, and the result
//! must use every response type exactly.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use heck::ToUpperCamelCase;
use serde_json::Value;

use super::{Model, Overrides};
use crate::normalise::Bundle;
use crate::schema::{Object, constant, description, non_null, nullable, reference};

/// A request.
#[derive(Debug)]
pub struct Method {
    /// Its name on the wire.
    pub name: String,
    /// Upstream's description.
    pub doc: Option<String>,
    /// What it takes.
    pub params: Params,
    /// The type of its answer.
    pub response: String,
    /// Absent from the stable schema.
    pub experimental: bool,
}

/// The params of a request.
#[derive(Debug, PartialEq)]
pub enum Params {
    /// Nothing, or `null`; this unit struct stands for it.
    None { unit: String },
    /// A value of this type.
    Type(String),
    /// A value of this type, or `null` for its default.
    Nullable(String),
}

/// A notification.
#[derive(Debug)]
pub struct Notification {
    /// Its method on the wire.
    pub name: String,
    /// Upstream's description.
    pub doc: Option<String>,
    /// The type of its params.
    pub payload: String,
    /// Absent from the stable schema.
    pub experimental: bool,
}

impl Method {
    /// The Rust name of the method.
    pub fn ident(&self) -> String {
        self.name.to_upper_camel_case()
    }

    /// The type of the params, if it is one of the schema's.
    pub fn params_type(&self) -> Option<&str> {
        match &self.params {
            Params::None { .. } => None,
            Params::Type(name) | Params::Nullable(name) => Some(name),
        }
    }
}

impl Notification {
    /// The Rust name of the method.
    pub fn ident(&self) -> String {
        self.name.to_upper_camel_case()
    }
}

/// The methods of the client, with their responses.
pub fn client_requests(bundle: &Bundle, overrides: &Overrides) -> Result<Vec<Method>> {
    let methods = requests(&bundle.client_requests, &bundle.definitions, overrides)?;
    for name in overrides.responses.keys() {
        ensure!(
            methods.iter().any(|it| it.name == *name),
            "schema/overrides.toml gives a response to `{name}`, which is no method any more"
        );
    }
    for name in overrides.units.keys() {
        let unit = methods
            .iter()
            .any(|it| it.name == *name && it.params_type().is_none());
        ensure!(
            unit,
            "schema/overrides.toml names the params of `{name}`, which needs no name any more"
        );
    }
    Ok(methods)
}

/// The methods of the server, with their responses.
pub fn server_requests(bundle: &Bundle) -> Result<Vec<Method>> {
    requests(
        &bundle.server_requests,
        &bundle.definitions,
        &Overrides::default(),
    )
}

/// The notifications of the server.
pub fn server_notifications(bundle: &Bundle) -> Result<Vec<Notification>> {
    let read = |branch: &Value| {
        let (name, params, doc) = parts(branch)?;
        let payload = params
            .and_then(reference)
            .with_context(|| format!("`{name}` has unusual params"))?
            .to_owned();
        Ok(Notification {
            name,
            doc,
            payload,
            experimental: false,
        })
    };
    bundle.server_notifications.iter().map(read).collect()
}

/// The notifications of the client.
pub fn client_notifications(bundle: &Bundle) -> Result<Vec<String>> {
    let read = |branch: &Value| {
        let (name, params, _) = parts(branch)?;
        ensure!(
            params.is_none(),
            "the client's notification `{name}` has params, which is new to the generator"
        );
        Ok(name)
    };
    bundle.client_notifications.iter().map(read).collect()
}

/// The names of all methods in a message list.
pub fn names(branches: &[Value]) -> Result<BTreeSet<String>> {
    branches.iter().map(|it| Ok(parts(it)?.0)).collect()
}

fn requests(branches: &[Value], schemas: &Object, overrides: &Overrides) -> Result<Vec<Method>> {
    let read = |branch: &Value| {
        let (name, params, doc) = parts(branch)?;
        let params = match params {
            None => none(&name, overrides),
            Some(it) if it.get("type").is_some_and(|it| it == "null") => none(&name, overrides),
            Some(it) => {
                let target = reference(&non_null(it)).map(str::to_owned);
                let target = target.with_context(|| format!("`{name}` has unusual params"))?;
                if nullable(it) {
                    Params::Nullable(target)
                } else {
                    Params::Type(target)
                }
            }
        };
        let response = response(&name, &params, schemas, &overrides.responses)?;
        Ok(Method {
            name,
            doc,
            params,
            response,
            experimental: false,
        })
    };
    branches.iter().map(read).collect()
}

fn none(method: &str, overrides: &Overrides) -> Params {
    let named = overrides.units.get(method).cloned();
    Params::None {
        unit: named.unwrap_or_else(|| method.to_upper_camel_case()),
    }
}

fn response(
    name: &str,
    params: &Params,
    schemas: &Object,
    overrides: &BTreeMap<String, String>,
) -> Result<String> {
    let ruled = match params {
        Params::Type(params) | Params::Nullable(params) => params
            .strip_suffix("Params")
            .map(|it| format!("{it}Response")),
        Params::None { .. } => Some(format!("{}Response", name.to_upper_camel_case())),
    };
    let ruled = ruled.filter(|it| schemas.contains_key(it));
    match (overrides.get(name), ruled) {
        (Some(listed), Some(ruled)) if *listed == ruled => {
            bail!("schema/overrides.toml need not give a response to `{name}`: the rules find it")
        }
        (Some(listed), _) => {
            ensure!(
                schemas.contains_key(listed),
                "the response `{listed}` of `{name}` is no type any more"
            );
            Ok(listed.clone())
        }
        (None, Some(ruled)) => Ok(ruled),
        (None, None) => {
            bail!("no rule finds the response of `{name}`: add it to schema/overrides.toml")
        }
    }
}

/// Every response type belongs to a method, and but one to exactly one.
///
/// This catches what the rules would get wrong in a future schema.
pub fn assert_bijection(model: &Model) -> Result<()> {
    /// The two ways to write the configuration answer alike.
    const SHARED: &str = "ConfigWriteResponse";

    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for method in model.client_requests.iter().chain(&model.server_requests) {
        *uses.entry(&method.response).or_default() += 1;
    }
    for name in model
        .definitions
        .keys()
        .filter(|it| it.ends_with("Response"))
    {
        let expected = if name == SHARED { 2 } else { 1 };
        let found = uses.remove(name.as_str()).unwrap_or_default();
        ensure!(
            found == expected,
            "`{name}` answers {found} methods, not {expected}"
        );
    }
    ensure!(
        uses.is_empty(),
        "responses with unusual names: {:?}",
        uses.keys()
    );
    Ok(())
}

/// Method, params and description of a message.
fn parts(branch: &Value) -> Result<(String, Option<&Value>, Option<String>)> {
    let properties = branch
        .get("properties")
        .context("a message has no properties")?;
    let name = properties
        .get("method")
        .and_then(constant)
        .context("a message has no method")?;
    Ok((
        name.to_owned(),
        properties.get("params"),
        branch.as_object().and_then(description),
    ))
}
