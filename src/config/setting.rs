//! One setting as it was read.

use serde::{Deserialize, Deserializer};

use super::faults::Faults;
use super::value::Value;

/// The value of a setting. A bad value is kept as the rules that it breaks, so that one of them does not hide the faults of the others.
#[derive(Default)]
pub(super) enum Setting<T> {
    #[default]
    Absent,
    Good(T),
    /// The broken rules, never the value.
    Bad(Vec<String>),
}

impl<T: Value> Setting<T> {
    /// The setting with this text.
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        T::parse(text).map_or_else(|| Self::Bad(T::broken_rules(text)), Self::Good)
    }

    /// The setting `value`, which is bad if it is `None`.
    pub(super) fn of_value(value: Option<T>) -> Self {
        value.map_or_else(|| Self::Bad(vec![T::rule().into_owned()]), Self::Good)
    }

    /// The setting with this default if it is absent. The default is parsed like any other value.
    pub(super) fn or_default(self, default: Option<&str>) -> Self {
        match (self, default) {
            (Self::Absent, Some(text)) => Self::of(text),
            (setting, _) => setting,
        }
    }
}

impl<T> Setting<T> {
    /// Whether the setting is present, good or bad.
    pub(super) fn is_set(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// The good value, if there is one. Where the default applies, `None` means that the setting is bad.
    pub(super) fn good(self) -> Option<T> {
        match self {
            Self::Good(value) => Some(value),
            Self::Absent | Self::Bad(_) => None,
        }
    }

    /// The value, or `Some(None)` if the setting is absent. `None` if it is bad.
    pub(super) fn optional(self) -> Option<Option<T>> {
        match self {
            Self::Absent => Some(None),
            Self::Good(value) => Some(Some(value)),
            Self::Bad(_) => None,
        }
    }

    /// The value, or `default` if the setting is absent. `None` if it is bad.
    pub(super) fn or(self, default: T) -> Option<T> {
        self.optional().map(|value| value.unwrap_or(default))
    }

    /// Adds a fault for each broken rule. `place` names the setting.
    pub(super) fn report(&self, place: &str, faults: &mut Faults) {
        if let Self::Bad(rules) = self {
            rules.iter().for_each(|rule| faults.add(place, rule));
        }
    }
}

/// Never fails: `envy` would stop at the first error, and print the value.
impl<'de, T: Value> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer).map_or_else(|_| Self::of_value(None), |text| Self::of(&text)))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::U8Deserializer;

    use super::*;
    use crate::config::value::{Number, Seconds};

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Sample {
        flag: Setting<bool>,
        number: Setting<Number<u32, 1, 9>>,
        seconds: Setting<Seconds<1, 9>>,
        text: Setting<String>,
    }

    #[test]
    fn envy_reads_a_bad_setting_as_its_rule_without_hiding_the_others() {
        let vars = [("A_FLAG", "marked"), ("A_NUMBER", "10"), ("A_TEXT", " text "), ("B_SECONDS", "1")];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let sample: Sample = envy::prefixed("A_").from_iter(vars).unwrap();
        let mut faults = Faults::default();
        sample.flag.report("A_FLAG", &mut faults);
        sample.number.report("A_NUMBER", &mut faults);
        sample.text.report("A_TEXT", &mut faults);
        let message = faults.into_result().unwrap_err().to_string();
        let rules = "  A_FLAG must be `true` or `false`\n  A_NUMBER must be a whole number from 1 to 9\n";
        assert!(message.ends_with(rules) && !message.contains("marked"), "{message}");
        assert_eq!(sample.text.good().as_deref(), Some("text"));
        assert!(!sample.seconds.is_set() && sample.seconds.optional().unwrap().is_none());
        assert!(sample.number.is_set() && sample.number.optional().is_none());
    }

    #[test]
    fn default_applies_to_an_absent_setting_only() {
        let flag = |setting: Setting<bool>| setting.or_default(Some("true")).good();
        assert_eq!(flag(Setting::Absent), Some(true));
        assert_eq!((flag(Setting::of("false")), flag(Setting::of("no"))), (Some(false), None));
        assert!(!Setting::<bool>::Absent.or_default(None).is_set());
    }

    #[test]
    fn value_that_is_not_a_string_is_bad() {
        let number: U8Deserializer<serde::de::value::Error> = 1_u8.into_deserializer();
        assert!(matches!(Setting::<String>::deserialize(number), Ok(Setting::Bad(_))));
    }
}
