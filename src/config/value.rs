//! The types of settings: what a value must be, and how its text is parsed.

use std::borrow::Cow;
use std::time::Duration;

use secrecy::SecretString;

/// A type of setting. Variables and the issuers file share it.
pub(super) trait Value: Sized {
    /// The type as the documentation names it.
    const TYPE: &'static str;
    /// Whether `portcullis config` masks the value.
    const IS_SECRET: bool = false;
    /// A rule without parameters. A type with parameters has `rule` instead.
    const RULE: &'static str = "";
    /// Whether the issuers file may name a file with the value, by the suffix `_file`.
    const MAY_BE_IN_FILE: bool = false;

    /// What a value must be, as the end of the sentence "… must be …".
    fn rule() -> Cow<'static, str> {
        Self::RULE.into()
    }

    /// The value; `None` if the text breaks a rule.
    fn parse(text: &str) -> Option<Self>;

    /// The rules that a text breaks which does not parse.
    fn broken_rules(_: &str) -> Vec<String> {
        vec![Self::rule().into_owned()]
    }

    /// The value of a boolean in the issuers file.
    fn of_flag(_: bool) -> Option<Self> {
        None
    }

    /// The value of a list in the issuers file.
    fn of_entries(_: &[&str]) -> Option<Self> {
        None
    }
}

impl Value for String {
    const TYPE: &'static str = "text";
    const RULE: &'static str = "a string";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for bool {
    const TYPE: &'static str = "flag";
    const RULE: &'static str = "`true` or `false`";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn of_flag(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl Value for SecretString {
    const TYPE: &'static str = "secret";
    const IS_SECRET: bool = true;
    const MAY_BE_IN_FILE: bool = true;
    const RULE: &'static str = "a non-empty string";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }
}

/// A whole number from `MIN` to `MAX`.
pub(super) struct Number<T, const MIN: u64, const MAX: u64>(pub(super) T);

impl<T: TryFrom<u64>, const MIN: u64, const MAX: u64> Value for Number<T, MIN, MAX> {
    const TYPE: &'static str = "number";

    fn rule() -> Cow<'static, str> {
        format!("a whole number from {MIN} to {MAX}").into()
    }

    fn parse(text: &str) -> Option<Self> {
        let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number))?;
        T::try_from(number).ok().map(Self)
    }
}

/// A number of bytes from `MIN` to `MAX`.
pub(super) struct Bytes<const MIN: u64, const MAX: u64>(pub(super) usize);

impl<const MIN: u64, const MAX: u64> Value for Bytes<MIN, MAX> {
    const TYPE: &'static str = "bytes";

    fn rule() -> Cow<'static, str> {
        format!("a whole number of bytes from {MIN} to {MAX}").into()
    }

    fn parse(text: &str) -> Option<Self> {
        Number::<usize, MIN, MAX>::parse(text).map(|number| Self(number.0))
    }
}

/// A whole number of seconds from `MIN` to `MAX`.
pub(super) struct Seconds<const MIN: u64, const MAX: u64>(pub(super) Duration);

impl<const MIN: u64, const MAX: u64> Value for Seconds<MIN, MAX> {
    const TYPE: &'static str = "seconds";

    fn rule() -> Cow<'static, str> {
        format!("a whole number of seconds from {MIN} to {MAX}").into()
    }

    fn parse(text: &str) -> Option<Self> {
        Number::<u64, MIN, MAX>::parse(text).map(|number| Self(Duration::from_secs(number.0)))
    }
}

/// An entry of a [`List`].
pub(super) trait Item: Sized {
    /// The type of the list as the documentation names it.
    const TYPE: &'static str = "list";
    /// What the whole list must be.
    const RULE: &'static str;
    /// The smallest number of entries of a list that is set.
    const AT_LEAST: usize = 0;

    fn parse(text: &str) -> Option<Self>;
}

impl Item for String {
    const RULE: &'static str = "a list of strings";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// A list: separated by commas in a variable, a TOML list in the issuers file.
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T: Item> Value for List<T> {
    const TYPE: &'static str = T::TYPE;
    const RULE: &'static str = T::RULE;

    fn parse(text: &str) -> Option<Self> {
        Self::of_entries(&split(text).collect::<Vec<_>>())
    }

    fn of_entries(entries: &[&str]) -> Option<Self> {
        let items: Vec<T> = entries.iter().map(|entry| T::parse(entry)).collect::<Option<_>>()?;
        (items.len() >= T::AT_LEAST).then_some(Self(items))
    }
}

/// The non-empty entries of a comma-separated list.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_of_their_range_are_rejected() {
        let number = |text| Number::<u32, 1, 1000>::parse(text).map(|number| number.0);
        assert_eq!((number("1"), number("1000")), (Some(1), Some(1000)));
        for wrong in ["0", "1001", "-1", "1.5", "1s", "", "99999999999999999999"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
        assert_eq!(Number::<u32, 1, 1000>::rule(), "a whole number from 1 to 1000");
        assert_eq!(Seconds::<0, 60>::parse("60").map(|seconds| seconds.0), Some(Duration::from_secs(60)));
        assert!(Seconds::<0, 60>::parse("61").is_none() && Bytes::<1024, 2048>::parse("1023").is_none());
    }

    #[test]
    fn list_in_a_variable_is_separated_by_commas_and_in_a_file_by_entries() {
        let entries = |list: Option<List<String>>| list.unwrap().0;
        assert_eq!(entries(List::parse(" a, b,,c ,")), ["a", "b", "c"]);
        assert_eq!(entries(List::of_entries(&["a,b", "c"])), ["a,b", "c"]);
    }
}
