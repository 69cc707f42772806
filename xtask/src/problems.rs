//! What the generator can't tell by itself: all of it at once, and what to do about each.
//!
//! Nothing stops at the first problem. Each stage says what it found, takes the careful way, and goes on.
//! Whoever runs the generator decides what its problems mean: `regen` fails on any, a trial tells them,
//! and a bump takes out entries that are stale, tells what it assumes, and asks about the rest.

use std::cell::RefCell;
use std::fmt;
use std::fmt::Write as _;

use anyhow::{Result, bail};

/// The problems of one run.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

/// Something that the generator can't tell by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub kind: Kind,
    /// What it is, and what to do about it.
    pub text: String,
    /// The change of `schema/overrides.toml` that would settle it.
    pub change: Option<Change>,
}

/// What kind of a problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A rule or an entry that has nothing to do any more.
    Stale,
    /// What people may know better; the likely answer does no harm.
    Assumed,
    /// What only people can tell; until they do, the careful answer is taken.
    Undecided,
    /// A construct that the generator was not written for.
    New,
}

/// A change of `schema/overrides.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Leaves an entry out.
    Remove {
        section: &'static str,
        entry: String,
    },
    /// Adds an entry to a list, or with a value to a table.
    Add {
        section: &'static str,
        entry: String,
        value: Option<String>,
    },
}

impl Problems {
    /// An entry of `schema/overrides.toml` that no longer applies.
    pub fn stale_entry(&self, section: &'static str, entry: &str, text: impl Into<String>) {
        let change = Change::Remove {
            section,
            entry: entry.to_owned(),
        };
        self.add(Kind::Stale, text, Some(change));
    }

    /// Something that is taken to be so until people know better, by an entry in a list.
    pub fn assumed(&self, section: &'static str, entry: &str, text: impl Into<String>) {
        let change = Change::Add {
            section,
            entry: entry.to_owned(),
            value: None,
        };
        self.add(Kind::Assumed, text, Some(change));
    }

    /// Something for people to decide, by an entry in `schema/overrides.toml`.
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

    /// A problem that no entry settles.
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

    /// All of them, by kind.
    pub fn all(&self) -> Vec<Problem> {
        let mut problems = self.0.borrow().clone();
        problems.sort_by_key(|it| it.kind);
        problems
    }

    /// Fails with all of them, if there are any.
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
