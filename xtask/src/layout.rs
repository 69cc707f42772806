//! Estimates the sizes of values, to decide what to box.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use syn::{GenericArgument, PathArguments, Type};

use crate::fields::FieldTypes;
use crate::model::{Definition, Kind, Model};

/// Payloads above this many bytes are boxed, to make moving a message through a channel cheap.
const LARGE: usize = 200;

/// The sizes of all types on a 64-bit platform.
pub struct Layout<'a> {
    model: &'a Model,
    types: &'a FieldTypes,
    sizes: BTreeMap<String, usize>,
}

impl<'a> Layout<'a> {
    /// Measures all types. A type that contains itself unboxed is an error.
    pub fn of(model: &'a Model, types: &'a FieldTypes) -> Result<Self> {
        let mut layout = Self {
            model,
            types,
            sizes: BTreeMap::new(),
        };
        for definition in model.definitions.values() {
            layout.measure(definition, &mut Vec::new())?;
        }
        Ok(layout)
    }

    /// Whether a variant should box this type.
    pub fn is_large(&self, name: &str) -> bool {
        self.sizes.get(name).is_some_and(|size| *size > LARGE)
    }

    fn measure(&mut self, definition: &Definition, path: &mut Vec<String>) -> Result<usize> {
        if let Some(size) = self.sizes.get(&definition.name) {
            return Ok(*size);
        }
        anyhow::ensure!(
            !path.contains(&definition.name),
            "a type holds itself: {path:?}"
        );
        path.push(definition.name.clone());
        let size = match &definition.kind {
            Kind::Text | Kind::StringEnum(_) => 24,
            Kind::Wrapper(target) => {
                let model = self.model;
                let target = model.definition(target).context("a wrapper of nothing")?;
                self.measure(target, path)?
            }
            Kind::Struct(body) => {
                let mut sum = if body.open { 24 } else { 0 };
                for field in &body.fields {
                    let (_, ty) = self.types.of(&definition.name, &field.wire)?;
                    sum += self.size(ty, path)?.max(1);
                }
                sum.next_multiple_of(8)
            }
            _ => {
                // `Unrecognized` contains a JSON value of 32 bytes.
                let mut largest = 32;
                for variant in definition.variants().iter().filter(|it| it.body.is_some()) {
                    let (_, ty) = self.types.of(&definition.name, &variant.wire)?;
                    largest = largest.max(self.size(ty, path)?);
                }
                largest + 8
            }
        };
        path.pop();
        self.sizes.insert(definition.name.clone(), size);
        Ok(size)
    }

    fn size(&mut self, ty: &Type, path: &mut Vec<String>) -> Result<usize> {
        let Type::Path(it) = ty else { return Ok(8) };
        let last = it.path.segments.last().context("an empty path")?;
        let inner = match &last.arguments {
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().find_map(|it| match it {
                    GenericArgument::Type(ty) => Some(ty),
                    _ => None,
                })
            }
            _ => None,
        };
        Ok(match last.ident.to_string().as_str() {
            "bool" | "i8" | "u8" => 1,
            "i16" | "u16" => 2,
            "f32" | "i32" | "u32" => 4,
            "u64" | "i64" | "f64" | "Box" => 8,
            "Value" => 32,
            "Option" => self.size(inner.context("an option of nothing")?, path)?,
            "String" | "Vec" | "BTreeMap" | "Map" | "RequestId" => 24,
            name => {
                let model = self.model;
                let definition = model
                    .definition(name)
                    .with_context(|| format!("the type `{name}` is unknown"))?;
                self.measure(definition, path)?
            }
        })
    }
}
