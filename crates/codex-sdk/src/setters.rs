//! The setters of the builders.

/// Writes documented setters for optional fields of a builder's `params`: `name: Type` takes whatever
/// becomes that type, `name = Type` only it, so that a number can be written as a literal.
macro_rules! setters {
    () => {};
    ($(#[$doc:meta])* $name:ident: $type:ty => $field:ident; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: impl Into<$type>) -> Self {
            self.params.$field = Some($name.into());
            self
        }
        $crate::setters::setters! { $($rest)* }
    };
    ($(#[$doc:meta])* $name:ident = $type:ty => $field:ident; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.params.$field = Some($name);
            self
        }
        $crate::setters::setters! { $($rest)* }
    };
}

pub(crate) use setters;
