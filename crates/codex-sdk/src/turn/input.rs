//! Input for a turn.

use std::path::{Path, PathBuf};

use codex_types as types;

use crate::error::{Error, Result};
use crate::paths::utf8;

/// One part of an input.
///
/// Anything that would make the runtime fail, such as a missing file, is an [`Error::InvalidInput`] of the
/// operation that gets the item.
#[derive(Debug, Clone, PartialEq)]
pub struct InputItem(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Text(String),
    Image(String),
    LocalImage(PathBuf),
    Skill(String, PathBuf),
    Mention(String, String),
}

impl InputItem {
    /// Text from the user.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Kind::Text(text.into()))
    }

    /// An image as a data URL, for example `data:image/png;base64,…`. The runtime refuses `http` URLs.
    pub fn image(data_url: impl Into<String>) -> Self {
        Self(Kind::Image(data_url.into()))
    }

    /// An image file that the runtime reads. A relative path starts from this program's folder.
    pub fn local_image(path: impl Into<PathBuf>) -> Self {
        Self(Kind::LocalImage(path.into()))
    }

    /// A skill: its name and its `SKILL.md`. A relative path starts from this program's folder.
    pub fn skill(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self(Kind::Skill(name.into(), path.into()))
    }

    /// A mention of a file, an app or a plugin, by name and path.
    pub fn mention(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self(Kind::Mention(name.into(), path.into()))
    }

    /// Refuses what the runtime would accept and then fail over, or report unclearly.
    fn into_wire(self) -> Result<types::UserInput> {
        use types::UserInput;
        Ok(match self.0 {
            Kind::Text(text) => UserInput::Text(types::UserInputText::new(text)),
            Kind::Image(url) if url.starts_with("data:") => {
                UserInput::Image(types::UserInputImage {
                    url: Some(url),
                    ..Default::default()
                })
            }
            Kind::Image(_) => {
                return invalid("an image must be a `data:` URL: load it, or use `local_image`");
            }
            Kind::LocalImage(path) => {
                UserInput::LocalImage(types::UserInputLocalImage::new(file(&path)?))
            }
            Kind::Skill(name, path) => {
                let path = file(&path)?;
                UserInput::Skill(types::UserInputSkill { name, path })
            }
            Kind::Mention(name, path) => UserInput::Mention(types::UserInputMention { name, path }),
        })
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::InvalidInput(message.into()))
}

/// The absolute path of a file, which must exist: the runtime would tell only the model.
fn file(path: &Path) -> Result<String> {
    if !path.is_file() {
        return invalid(format!("{} is not a file: check the path", path.display()));
    }
    match std::path::absolute(path) {
        Ok(path) => utf8(path),
        Err(_) => utf8(path.to_owned()),
    }
}

/// Input that steers or starts a turn: text, or a list of [`InputItem`]s.
///
/// Input that is blank, or has more than 1,048,576 characters of text, is an [`Error::InvalidInput`] of the
/// operation that gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Input(Vec<InputItem>);

/// The runtime refuses input with more text than this.
const MOST_CHARACTERS: usize = 1_048_576;

impl Input {
    /// # Errors
    /// [`Error::InvalidInput`] for input that is blank or too long, and for each item's own reasons.
    pub(crate) fn into_wire(self) -> Result<Vec<types::UserInput>> {
        let texts = self.0.iter().filter_map(|item| match &item.0 {
            Kind::Text(text) => Some(text),
            _ => None,
        });
        let characters: usize = texts.clone().map(|text| text.chars().count()).sum();
        if characters > MOST_CHARACTERS {
            return invalid(format!(
                "the input has {characters} characters of text, and may have {MOST_CHARACTERS}: put the rest into a file"
            ));
        }
        let blank = texts.clone().all(|text| text.trim().is_empty());
        if blank && texts.count() == self.0.len() {
            return invalid("the input is blank: say what the turn is about");
        }
        self.0.into_iter().map(InputItem::into_wire).collect()
    }
}

/// What starts a turn: an [`Input`], or an [`ExternalMessage`].
#[derive(Debug, Clone, PartialEq)]
pub struct RunInput(RunKind);

#[derive(Debug, Clone, PartialEq)]
enum RunKind {
    Input(Input),
    External(ExternalMessage),
}

impl RunInput {
    /// Puts the input where `turn/start` expects it.
    pub(crate) fn fill(self, params: &mut types::TurnStartParams) -> Result<()> {
        match self.0 {
            RunKind::Input(input) => params.input = input.into_wire()?,
            RunKind::External(message) => {
                if message.0.name.trim().is_empty() {
                    return invalid("the `tool_name` of an external message must not be blank");
                }
                params.tool_output = Some(message.0);
            }
        }
        Ok(())
    }
}

/// A message from outside, such as a notification, that the model sees as a tool's output.
///
/// It has a tool's authority, below that of users and developers, and approves nothing. Its name is a label and
/// proves nothing. It is a complete input: it can't be combined with others and can't steer. Needs Codex
/// 0.151.0: an older runtime is an [`Error::RuntimeTooOld`].
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalMessage(types::TurnToolOutput);

impl ExternalMessage {
    /// A message under the name of the tool that it seems to come from, which must not be blank: text, or a
    /// list of content items, in which images must be `data:` URLs.
    pub fn new(
        tool_name: impl Into<String>,
        content: impl Into<types::FunctionCallOutputBody>,
    ) -> Self {
        Self(types::TurnToolOutput::new(tool_name, content.into()))
    }

    /// The namespace of the tool's name. Default: none.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.0.namespace = Some(namespace.into());
        self
    }
}

/// Everything that converts into [`Input`] also converts into [`RunInput`]. A blanket `From<impl Into<Input>>`
/// would clash with `From<ExternalMessage>`.
macro_rules! inputs {
    ($($type:ty $(where $size:ident)?: |$input:ident| $items:expr;)*) => {$(
        impl $(<const $size: usize>)? From<$type> for Input {
            fn from($input: $type) -> Self {
                Self($items)
            }
        }

        impl $(<const $size: usize>)? From<$type> for RunInput {
            fn from(input: $type) -> Self {
                Input::from(input).into()
            }
        }
    )*};
}

inputs! {
    InputItem: |item| vec![item];
    Vec<InputItem>: |items| items;
    [InputItem; N] where N: |items| items.into();
    String: |text| vec![InputItem::text(text)];
    &String: |text| vec![InputItem::text(text)];
    &str: |text| vec![InputItem::text(text)];
}

impl From<Input> for RunInput {
    fn from(input: Input) -> Self {
        Self(RunKind::Input(input))
    }
}

impl From<ExternalMessage> for RunInput {
    fn from(message: ExternalMessage) -> Self {
        Self(RunKind::External(message))
    }
}
