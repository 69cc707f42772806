//! Methods and their responses.
//!
//! No machine-readable source matches them. Four rules and a table of exceptions do, and the result must
//! use every response type.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use heck::{ToSnakeCase, ToUpperCamelCase};
use serde_json::Value;

use super::{Definition, Kind, Model, Overrides, Struct};
use crate::normalise::Bundle;
use crate::problems::{self, Problems};
use crate::schema::{Object, constant, description, non_null, nullable, reference};

/// A request.
#[derive(Debug)]
pub struct Method {
    /// Its name on the wire.
    pub name: String,
    /// Upstream's description.
    pub doc: Option<String>,
    /// The params it takes.
    pub params: Params,
    /// The type of its answer.
    pub response: String,
    /// Absent from the stable schema.
    pub experimental: bool,
    /// Sent only by older runtimes: the version that no longer sends it.
    pub retired: Option<String>,
}

/// The params of a request.
#[derive(Debug, PartialEq)]
pub enum Params {
    /// Nothing, or `null`; this unit struct represents it.
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

    /// The type of the params, if it is from the schema.
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

/// Reads both sides' requests into the model, with their responses.
pub fn requests(
    model: &mut Model,
    bundle: &Bundle,
    overrides: &Overrides,
    problems: &Problems,
) -> Result<()> {
    let mut reader = Reader {
        schemas: &bundle.definitions,
        overrides,
        problems,
    };
    model.client_requests = reader.read(&bundle.client_requests)?;
    model.server_requests = reader.read(&bundle.server_requests)?;
    reader.tell_stale_entries(model);
    guess_responses(model, problems);
    tell_responses_of_nothing(model, problems);
    wrap_shared_params(model);
    Ok(())
}

/// The server's notifications.
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

/// The client's notifications.
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

/// A placeholder for an unknown response.
const UNKNOWN: &str = "";

struct Reader<'a> {
    schemas: &'a Object,
    overrides: &'a Overrides,
    problems: &'a Problems,
}

impl Reader<'_> {
    fn read(&mut self, branches: &[Value]) -> Result<Vec<Method>> {
        branches.iter().map(|it| self.method(it)).collect()
    }

    fn method(&self, branch: &Value) -> Result<Method> {
        let (name, params, doc) = parts(branch)?;
        let params = match params.filter(|it| it.get("type").is_none_or(|it| it != "null")) {
            None => self.none(&name),
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
        let response = self.response(&name, &params);
        Ok(Method {
            name,
            doc,
            params,
            response,
            experimental: false,
            retired: None,
        })
    }

    fn none(&self, method: &str) -> Params {
        let named = self.overrides.units.get(method).cloned();
        Params::None {
            unit: named.unwrap_or_else(|| method.to_upper_camel_case()),
        }
    }

    /// Finds the response by the params' name, by the method's name, and by the table.
    fn response(&self, name: &str, params: &Params) -> String {
        let by_params = match params {
            Params::Type(params) | Params::Nullable(params) => params
                .strip_suffix("Params")
                .map(|it| format!("{it}Response")),
            Params::None { .. } => None,
        };
        let by_method = format!("{}Response", name.to_upper_camel_case());
        let ruled = by_params.into_iter().chain([by_method]);
        let ruled = ruled.into_iter().find(|it| self.schemas.contains_key(it));
        let Some(listed) = self.overrides.responses.get(name) else {
            return ruled.unwrap_or_else(|| UNKNOWN.to_owned());
        };
        let stale = |text: String| self.problems.stale_entry("responses", name, text);
        if ruled.as_ref() == Some(listed) {
            stale(format!(
                "schema/overrides.toml need not give a response to `{name}`: the rules find it"
            ));
        } else if !self.schemas.contains_key(listed) {
            stale(format!(
                "the response `{listed}` of `{name}` is no longer a type"
            ));
            return ruled.unwrap_or_else(|| UNKNOWN.to_owned());
        }
        listed.clone()
    }

    /// Reports entries for methods that no longer exist, or that now have params.
    fn tell_stale_entries(&self, model: &Model) {
        let methods = || model.client_requests.iter().chain(&model.server_requests);
        for name in self.overrides.responses.keys() {
            if !methods().any(|it| it.name == *name) {
                let text = format!(
                    "schema/overrides.toml gives a response to `{name}`, which is no longer a method"
                );
                self.problems.stale_entry("responses", name, text);
            }
        }
        for name in self.overrides.units.keys() {
            if !methods().any(|it| it.name == *name && it.params_type().is_none()) {
                let text = format!(
                    "schema/overrides.toml names the params of `{name}`, which no longer needs one"
                );
                self.problems.stale_entry("units", name, text);
            }
        }
    }
}

/// Gives each method without a response the most similarly named of the unused ones.
fn guess_responses(model: &mut Model, problems: &Problems) {
    let names = model
        .definitions
        .keys()
        .filter(|it| it.ends_with("Response"));
    let responses: Vec<_> = names.cloned().collect();
    let mut free: BTreeSet<String> = responses_of_nothing(model).map(str::to_owned).collect();
    let unknown = model
        .client_requests
        .iter_mut()
        .chain(&mut model.server_requests)
        .filter(|it| it.response == UNKNOWN);
    for method in unknown {
        let guess = free
            .iter()
            .map(|it| (likeness(&method.name, it), it.clone()))
            .max_by_key(|(likeness, _)| *likeness)
            .filter(|(likeness, _)| *likeness > 0);
        let text = format!(
            "no rule finds the response of `{}`: add it under [responses]",
            method.name
        );
        method.response = if let Some((_, guess)) = guess {
            free.remove(&guess);
            problems.undecided("responses", &method.name, Some(guess.clone()), text);
            guess
        } else {
            let text = format!(
                "{text}, such as {}",
                alike(&method.name, &responses).join(" or ")
            );
            problems.add(problems::Kind::Undecided, text, None);
            let name = format!("{}Response", method.ident());
            let anything = Definition {
                name: name.clone(),
                doc: None,
                experimental: true,
                kind: Kind::Struct(Struct::of_anything()),
            };
            model.definitions.insert(name.clone(), anything);
            name
        };
    }
}

/// The names most similar to the method's.
fn alike(method: &str, responses: &[String]) -> Vec<String> {
    const MOST: usize = 3;
    let mut responses: Vec<_> = responses
        .iter()
        .map(|it| (likeness(method, it), it))
        .collect();
    responses.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    let most = responses.into_iter().take(MOST);
    most.map(|(_, name)| format!("`{name}`")).collect()
}

/// The share of words that two names have in common, in hundredths of all their words.
fn likeness(method: &str, response: &str) -> usize {
    let words = |name: &str| -> BTreeSet<String> {
        let name = name.to_upper_camel_case().to_snake_case();
        name.split('_').map(str::to_owned).collect()
    };
    let response = response.strip_suffix("Response").unwrap_or(response);
    let (method, response) = (words(method), words(response));
    100 * method.intersection(&response).count() / method.union(&response).count()
}

fn responses_of_nothing(model: &Model) -> impl Iterator<Item = &str> {
    let methods = model.client_requests.iter().chain(&model.server_requests);
    let used: BTreeSet<_> = methods.map(|it| it.response.as_str()).collect();
    let names = model.definitions.keys().map(String::as_str);
    names.filter(move |it| it.ends_with("Response") && !used.contains(it))
}

/// Reports unused responses, which reveal errors of the rules in a future schema.
fn tell_responses_of_nothing(model: &Model, problems: &Problems) {
    for name in responses_of_nothing(model) {
        let text = format!("`{name}` answers no method: give it to one under [responses]");
        problems.add(problems::Kind::Undecided, text, None);
    }
}

/// Gives each method its own params type, because a type has only one `METHOD`.
fn wrap_shared_params(model: &mut Model) {
    for methods in [&mut model.client_requests, &mut model.server_requests] {
        let mut uses: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, method) in methods.iter().enumerate() {
            if let Some(params) = method.params_type() {
                uses.entry(params.to_owned()).or_default().push(index);
            }
        }
        for (params, indices) in uses {
            let own = |index: &&usize| format!("{}Params", methods[**index].ident()) == params;
            let owner = indices.iter().find(own).unwrap_or(&indices[0]);
            let others: Vec<_> = indices.iter().filter(|it| *it != owner).copied().collect();
            for index in others {
                let method = &mut methods[index];
                let name = format!("{}Params", method.ident());
                let wrapper = Definition {
                    name: name.clone(),
                    doc: None,
                    experimental: false,
                    kind: Kind::Wrapper(params.clone()),
                };
                model.definitions.insert(name.clone(), wrapper);
                method.params = match method.params {
                    Params::Nullable(_) => Params::Nullable(name),
                    _ => Params::Type(name),
                };
            }
        }
    }
}

/// The method, params and description of a message.
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
