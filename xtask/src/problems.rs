//! Everything that the generator can't decide by itself, reported together with the fixes.
//!
//! The first problem doesn't stop it: each stage reports what it found, takes the cautious choice, and
//! continues. The caller decides what problems mean: `regen` fails on any, a trial prints them, and a
//! bump removes stale entries, reports its assumptions, and asks about the rest.

use std::cell::RefCell;
use std::fmt;
use std::fmt::Write as _;

use anyhow::{Result, bail};

/// The problems of one run.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

/// Something that the generator can't decide by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub kind: Kind,
    /// The problem, and what to do about it.
    pub text: String,
    /// The change to `schema/overrides.toml` that would settle it.
    pub change: Option<Change>,
}

/// The kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A rule or an entry with nothing left to do.
    Stale,
    /// A person may know better, but the likely answer does no harm.
    Assumed,
    /// Only a person can decide; until then, the cautious answer is used.
    Undecided,
    /// A construct that the generator doesn't support.
    New,
}

/// A change to `schema/overrides.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Removes an entry.
    Remove {
        section: &'static str,
        entry: String,
    },
    /// Adds an entry to a list, or to a table if it has a value.
    Add {
        section: &'static str,
        entry: String,
        value: Option<String>,
    },
}

impl Problems {
    /// Reports an entry of `schema/overrides.toml` that no longer applies.
    pub fn stale_entry(&self, section: &'static str, entry: &str, text: impl Into<String>) {
        let change = Change::Remove {
            section,
            entry: entry.to_owned(),
        };
        self.add(Kind::Stale, text, Some(change));
    }

    /// Reports an assumption, which an entry in a list records until a person knows better.
    pub fn assumed(&self, section: &'static str, entry: &str, text: impl Into<String>) {
        let change = Change::Add {
            section,
            entry: entry.to_owned(),
            value: None,
        };
        self.add(Kind::Assumed, text, Some(change));
    }

    /// Reports a decision for a person, who records it as an entry in `schema/overrides.toml`.
    pub fn undecided(
        &self,
        section: &'static str,
        entry: &str,
        value: Option<String>,
        text: impl Into<String>,
    ) {
        let change = Change::Add {
            section,
            entry: entry.to_owned(),
            value,
        };
        self.add(Kind::Undecided, text, Some(change));
    }

    /// Reports any problem.
    pub fn add(&self, kind: Kind, text: impl Into<String>, change: Option<Change>) {
        let problem = Problem {
            kind,
            text: text.into(),
            change,
        };
        let mut problems = self.0.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// All problems, by kind.
    pub fn all(&self) -> Vec<Problem> {
        let mut problems = self.0.borrow().clone();
        problems.sort_by_key(|it| it.kind);
        problems
    }

    /// Fails with all problems, if there are any.
    pub fn refuse(&self) -> Result<()> {
        if self.0.borrow().is_empty() {
            return Ok(());
        }
        bail!("{self}");
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = self.all();
        let mut last = None;
        for problem in &problems {
            if last != Some(problem.kind) {
                let count = problems.iter().filter(|it| it.kind == problem.kind).count();
                let gap = if last.is_some() { "\n" } else { "" };
                writeln!(f, "{gap}{}:", problem.kind.heading(count))?;
            }
            last = Some(problem.kind);
            writeln!(f, "  - {}", problem.text)?;
        }
        let lines = proposal(&problems);
        if !lines.is_empty() {
            write!(f, "\nproposed for schema/overrides.toml:\n{lines}")?;
        }
        Ok(())
    }
}

impl Kind {
    fn heading(self, count: usize) -> String {
        let (one, many) = match self {
            Self::Stale => (
                "rule or entry that no longer applies",
                "rules or entries that no longer apply",
            ),
            Self::Assumed => ("assumption to check", "assumptions to check"),
            Self::Undecided => ("thing to decide", "things to decide"),
            Self::New => (
                "construct that is new to the generator",
                "constructs that are new to the generator",
            ),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

/// The changes that would settle these problems, as lines under their sections.
fn proposal(problems: &[Problem]) -> String {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for change in problems.iter().filter_map(|it| it.change.as_ref()) {
        let (section, line) = match change {
            Change::Remove { section, entry } => (section, format!("    - \"{entry}\"")),
            Change::Add {
                section,
                entry,
                value: None,
            } => (section, format!("    + \"{entry}\",")),
            Change::Add {
                section,
                entry,
                value: Some(value),
            } => (section, format!("    + \"{entry}\" = \"{value}\"")),
        };
        let known = sections.iter().position(|(name, _)| name == section);
        let index = known.unwrap_or_else(|| {
            sections.push((section, String::new()));
            sections.len() - 1
        });
        let _ = writeln!(sections[index].1, "{line}");
    }
    sections
        .iter()
        .fold(String::new(), |mut text, (name, lines)| {
            let _ = write!(text, "  [{name}]\n{lines}");
            text
        })
}
