//! `Debug` for what must not be printed: what a person or a token says, in whatever it is kept.

/// Gives types a `Debug` that shows their name and nothing in them.
macro_rules! prints_nothing {
    ($($name:ident),+ $(,)?) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })+
    };
}

pub(crate) use prints_nothing;
