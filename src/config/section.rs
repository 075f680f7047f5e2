//! Sections of settings. One declaration gives each setting's name, type, default, rule and description.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::block::Block;
use super::faults::Faults;

/// One setting as it is documented.
pub(super) struct Spec {
    pub(super) variable: &'static str,
    /// The name in a block of the issuers file, for the settings of an issuer.
    pub(super) setting: &'static str,
    /// The type as the documentation names it.
    pub(super) kind: &'static str,
    pub(super) is_secret: bool,
    pub(super) default: Fallback,
    /// A value for `.env.sample`, if the default is not one.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the generator of `.env.sample`"))]
    pub(super) example: Option<&'static str>,
    /// What a value must be.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the generator of the documentation"))]
    pub(super) rule: fn() -> Cow<'static, str>,
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the generator of the documentation"))]
    pub(super) description: &'static str,
}

/// What applies if a setting is absent.
#[derive(Clone, Copy)]
pub(super) enum Fallback {
    /// This value, which is parsed like any other.
    Value(&'static str),
    /// As described.
    Described(&'static str),
}

/// No value: the setting has no effect if it is absent.
pub(super) const NONE: Fallback = Fallback::Described("none");

/// The value that applies if the setting is absent.
pub(super) const fn value(text: &'static str) -> Fallback {
    Fallback::Value(text)
}

/// What applies if the setting is absent, in words.
pub(super) const fn described(words: &'static str) -> Fallback {
    Fallback::Described(words)
}

impl Fallback {
    /// The value, if it is one.
    pub(super) fn value(self) -> Option<&'static str> {
        match self {
            Self::Value(value) => Some(value),
            Self::Described(_) => None,
        }
    }
}

/// The settings of a section.
pub(super) struct Group {
    /// Its heading in the documentation. Sections may share one.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the generator of the documentation"))]
    pub(super) title: &'static str,
    pub(super) prefix: &'static str,
    pub(super) settings: &'static [Spec],
}

/// The typed settings of a section.
pub(super) trait Section: Default + DeserializeOwned {
    const GROUP: Group;

    /// Reads the section from a block of the issuers file. Bad values are reported.
    fn from_block(block: &mut Block, faults: &mut Faults) -> Self;

    /// Reports the bad values by their variables.
    fn report(&self, faults: &mut Faults);

    /// The section with the defaults of the list in place of absent values.
    fn with_defaults(self) -> Self;
}

/// Declares a section: `field: Type => default, example "…";`, where the documentation of the field is the description of the setting.
/// The variable has the field's name; `field as "name"` gives another one in the issuers file.
macro_rules! section {
    ($title:literal, $prefix:literal, $name:ident {
        $($(#[doc = $description:literal])+
        $field:ident $(as $setting:literal)?: $type:ty => $default:expr $(, example $example:literal)?;)+
    }) => {
        pastey::paste! {
            #[doc = "The settings of the section \"" $title "\"."]
            #[derive(Default, serde::Deserialize)]
            #[serde(default)]
            pub(in crate::config) struct $name {
                $($(#[doc = $description])+ pub(super) $field: $crate::config::setting::Setting<$type>,)+
            }

            impl $crate::config::section::Section for $name {
                const GROUP: $crate::config::section::Group = $crate::config::section::Group {
                    title: $title,
                    prefix: $prefix,
                    settings: &[$($crate::config::section::Spec {
                        variable: concat!($prefix, stringify!([<$field:upper>])),
                        setting: $crate::config::section::first!($($setting,)? stringify!($field)),
                        kind: <$type as $crate::config::value::Value>::TYPE,
                        is_secret: <$type as $crate::config::value::Value>::IS_SECRET,
                        default: $default,
                        example: $crate::config::section::first!($(Some($example),)? None),
                        rule: <$type as $crate::config::value::Value>::rule,
                        description: concat!($($description),+).trim_ascii(),
                    }),+],
                };

                fn from_block(
                    block: &mut $crate::config::block::Block,
                    faults: &mut $crate::config::faults::Faults,
                ) -> Self {
                    Self {
                        $($field: block.read(
                            $crate::config::section::first!($($setting,)? stringify!($field)),
                            faults,
                        )),+
                    }
                }

                fn report(&self, faults: &mut $crate::config::faults::Faults) {
                    $(self.$field.report(concat!($prefix, stringify!([<$field:upper>])), faults);)+
                }

                fn with_defaults(self) -> Self {
                    Self { $($field: self.$field.or_default($default.value())),+ }
                }
            }
        }
    };
}

/// The first of its arguments.
macro_rules! first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}

pub(super) use {first, section};

/// The known variables that are set and not empty, with their values.
pub(super) struct Variables(pub(super) BTreeMap<String, String>);

impl Variables {
    /// The settings of a section, with its defaults. Bad values are reported.
    pub(super) fn section<S: Section>(&self, faults: &mut Faults) -> S {
        read::<S>(&self.0, faults).with_defaults()
    }
}

/// Reads a section of an issuer, from its variables or from its block of the issuers file. Absent settings stay absent.
pub(super) fn read_issuer<S: Section>(block: &mut Block, faults: &mut Faults) -> S {
    match block.variables() {
        Some(values) => read(values, faults),
        None => S::from_block(block, faults),
    }
}

fn read<S: Section>(values: &BTreeMap<String, String>, faults: &mut Faults) -> S {
    // No field fails to deserialize, so neither does the section. If it did, its required settings would be missing.
    let section: S = envy::prefixed(S::GROUP.prefix).from_iter(values.clone()).unwrap_or_default();
    section.report(faults);
    section
}
