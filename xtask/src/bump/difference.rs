//! The differences between two versions of the protocol.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::{Definition, Field, Kind, Method, Model, Notification};
use crate::schema::{Object, walk};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub what: What,
    /// The method, `Type`, `Type.field` or `Type.variant`.
    pub subject: String,
    /// Further details; often empty.
    pub detail: String,
}

/// The kinds of differences, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    MethodLost,
    NotificationLost,
    ServerRequestLost,
    ParamsChanged,
    ResponseChanged,
    TypeLost,
    KindChanged,
    FieldLost,
    FieldTypeChanged,
    BecameRequired,
    BecameOptional,
    RequiredFieldGained,
    ValueLost,
    OptionalFieldGained,
    BecameExperimental,
    BecameStable,
    MethodGained,
    NotificationGained,
    ServerRequestGained,
    TypeGained,
    ValueGained,
}

impl What {
    /// The heading for a list of these.
    pub fn heading(self) -> &'static str {
        match self {
            Self::MethodLost => "Methods lost",
            Self::NotificationLost => "Notifications lost",
            Self::ServerRequestLost => "Server requests lost",
            Self::ParamsChanged => "Methods with other params",
            Self::ResponseChanged => "Methods with another response",
            Self::TypeLost => "Types lost",
            Self::KindChanged => "Types of another kind",
            Self::FieldLost => "Fields lost",
            Self::FieldTypeChanged => "Fields of another type",
            Self::BecameRequired => "Fields that became required",
            Self::BecameOptional => "Fields that became optional",
            Self::RequiredFieldGained => "Required fields gained",
            Self::ValueLost => "Values of enums lost",
            Self::OptionalFieldGained => "Optional fields gained",
            Self::BecameExperimental => "Stable before, experimental now",
            Self::BecameStable => "Experimental before, stable now",
            Self::MethodGained => "Methods gained",
            Self::NotificationGained => "Notifications gained",
            Self::ServerRequestGained => "Server requests gained",
            Self::TypeGained => "Types gained",
            Self::ValueGained => "Values of enums gained",
        }
    }

    /// Whether programs may stop compiling. The types of requests that the runtime no longer sends stay.
    pub fn breaks_rust(self) -> bool {
        self < Self::OptionalFieldGained && self != Self::ServerRequestLost
    }

    /// Whether programs that compile may stop working with one of the two runtimes.
    pub fn breaks_wire(self) -> bool {
        matches!(
            self,
            Self::MethodLost
                | Self::NotificationLost
                | Self::ParamsChanged
                | Self::ResponseChanged
                | Self::KindChanged
                | Self::FieldLost
                | Self::FieldTypeChanged
                | Self::BecameRequired
                | Self::RequiredFieldGained
                | Self::ValueLost
        )
    }
}

/// All differences, sorted by kind.
pub fn between(old: &Model, new: &Model) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    found.requests(
        (&old.client_requests, &new.client_requests),
        [What::MethodLost, What::MethodGained],
    );
    found.requests(
        (&old.server_requests, &new.server_requests),
        [What::ServerRequestLost, What::ServerRequestGained],
    );
    found.notifications(&old.server_notifications, &new.server_notifications);
    found.types(old, new);
    found.0.sort_by_key(|it| it.what);
    found.0
}

struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, what: What, subject: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Difference {
            what,
            subject: subject.into(),
            detail: detail.into(),
        });
    }

    /// Names that are in only one of the sets.
    fn names<'a>(
        &mut self,
        old: &BTreeSet<&'a str>,
        new: &BTreeSet<&'a str>,
        [lost, gained]: [What; 2],
    ) {
        for name in old.difference(new) {
            self.add(lost, *name, "");
        }
        for name in new.difference(old) {
            self.add(gained, *name, "");
        }
    }

    fn requests(&mut self, (old, new): (&[Method], &[Method]), whats: [What; 2]) {
        fn names(them: &[Method]) -> BTreeSet<&str> {
            them.iter().map(|it| it.name.as_str()).collect()
        }
        self.names(&names(old), &names(new), whats);
        for method in new {
            let Some(before) = old.iter().find(|it| it.name == method.name) else {
                continue;
            };
            if before.params != method.params {
                let (was, is) = (params(before), params(method));
                self.add(
                    What::ParamsChanged,
                    &method.name,
                    format!("{was}, now {is}"),
                );
            }
            if before.response != method.response {
                let detail = format!("`{}`, now `{}`", before.response, method.response);
                self.add(What::ResponseChanged, &method.name, detail);
            }
            if let (None, Some(_)) = (&before.retired, &method.retired) {
                let detail = "it stays, for older runtimes";
                self.add(What::ServerRequestLost, &method.name, detail);
                continue;
            }
            self.mark(&method.name, before.experimental, method.experimental);
        }
    }

    fn notifications(&mut self, old: &[Notification], new: &[Notification]) {
        fn names(them: &[Notification]) -> BTreeSet<&str> {
            them.iter().map(|it| it.name.as_str()).collect()
        }
        let whats = [What::NotificationLost, What::NotificationGained];
        self.names(&names(old), &names(new), whats);
        for notification in new {
            let Some(before) = old.iter().find(|it| it.name == notification.name) else {
                continue;
            };
            if before.payload != notification.payload {
                let detail = format!("`{}`, now `{}`", before.payload, notification.payload);
                self.add(What::ParamsChanged, &notification.name, detail);
            }
            self.mark(
                &notification.name,
                before.experimental,
                notification.experimental,
            );
        }
    }

    fn mark(&mut self, subject: &str, before: bool, now: bool) {
        match (before, now) {
            (true, false) => self.add(What::BecameStable, subject, ""),
            (false, true) => self.add(What::BecameExperimental, subject, ""),
            _ => {}
        }
    }

    fn types(&mut self, old: &Model, new: &Model) {
        let (old_names, new_names) = (type_names(old), type_names(new));
        self.names(&old_names, &new_names, [What::TypeLost, What::TypeGained]);
        for (name, definition) in &new.definitions {
            if let Some(before) = old.definitions.get(name) {
                self.definition(before, definition);
            }
        }
    }

    fn definition(&mut self, old: &Definition, new: &Definition) {
        self.mark(&new.name, old.experimental, new.experimental);
        let (was, is) = (kind(old), kind(new));
        if was != is {
            self.add(What::KindChanged, &new.name, format!("{was}, now {is}"));
            return;
        }
        self.fields(old, new);
        let variants = |it: &Definition| -> BTreeSet<String> {
            it.variants()
                .iter()
                .map(|variant| format!("{}.{}", it.name, variant.wire))
                .collect()
        };
        let (old_names, new_names) = (variants(old), variants(new));
        self.names(
            &borrowed(&old_names),
            &borrowed(&new_names),
            [What::ValueLost, What::ValueGained],
        );
        for variant in new.variants() {
            let before = old.variants().iter().find(|it| it.wire == variant.wire);
            let Some(before) = before else { continue };
            let subject = format!("{}.{}", new.name, variant.wire);
            if bare(before.body.as_ref()) != bare(variant.body.as_ref()) {
                self.add(What::FieldTypeChanged, &subject, "");
            }
            self.mark(&subject, before.experimental, variant.experimental);
        }
    }

    fn fields(&mut self, old: &Definition, new: &Definition) {
        let before: BTreeMap<_, _> = old.fields().iter().map(|it| (&it.wire, it)).collect();
        let now: BTreeMap<_, _> = new.fields().iter().map(|it| (&it.wire, it)).collect();
        for wire in before.keys().filter(|it| !now.contains_key(*it)) {
            let was = if before[*wire].required {
                "required"
            } else {
                "optional"
            };
            self.add(What::FieldLost, format!("{}.{wire}", old.name), was);
        }
        for (wire, field) in now {
            let subject = format!("{}.{wire}", new.name);
            let Some(before) = before.get(wire) else {
                let what = if field.required {
                    What::RequiredFieldGained
                } else {
                    What::OptionalFieldGained
                };
                self.add(what, subject, "");
                continue;
            };
            self.field(&subject, before, field);
        }
    }

    fn field(&mut self, subject: &str, old: &Field, new: &Field) {
        let (was, is) = (bare(Some(&old.schema)), bare(Some(&new.schema)));
        if was != is {
            let show = |it: Option<Value>| it.map(|it| it.to_string()).unwrap_or_default();
            let detail = format!("`{}`, now `{}`", show(was), show(is));
            self.add(What::FieldTypeChanged, subject, detail);
        }
        match (old.is_option(), new.is_option()) {
            (true, false) => self.add(What::BecameRequired, subject, ""),
            (false, true) => self.add(What::BecameOptional, subject, ""),
            _ => {}
        }
        self.mark(subject, old.experimental, new.experimental);
    }
}

fn borrowed(names: &BTreeSet<String>) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// The types of the schema. The bodies of branches are reported with their variants.
fn type_names(model: &Model) -> BTreeSet<&str> {
    let bodies: BTreeSet<String> = model
        .definitions
        .values()
        .flat_map(|it| {
            let bodies = it.variants().iter();
            bodies.map(move |variant| format!("{}{}", it.name, variant.ident))
        })
        .collect();
    let names = model.definitions.keys().map(String::as_str);
    names.filter(|it| !bodies.contains(*it)).collect()
}

fn params(method: &Method) -> String {
    match method.params_type() {
        Some(name) => format!("`{name}`"),
        None => "none".to_owned(),
    }
}

fn kind(definition: &Definition) -> String {
    match &definition.kind {
        Kind::Struct(_) => "an object".to_owned(),
        Kind::Text => "a string".to_owned(),
        Kind::StringEnum(_) => "one of some strings".to_owned(),
        Kind::Tagged { tag, .. } => format!("a union by `{tag}`"),
        Kind::External(_) => "a union by its key".to_owned(),
        Kind::Untagged(_) => "a union by its shape".to_owned(),
        Kind::Wrapper(target) => format!("the same as `{target}`"),
    }
}

/// A schema without the parts that are only for people.
fn bare(schema: Option<&Value>) -> Option<Value> {
    let mut schema = schema?.clone();
    walk(&mut schema, &mut |it: &mut Object| {
        it.remove("description");
    });
    Some(schema)
}
