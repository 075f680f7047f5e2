//! Rules over claims, in the Common Expression Language: `'ops' in claims.groups`.
//!
//! A rule is compiled and tried when the configuration is read, so that one which could never hold is told then. Where it can't be
//! decided for a token, because a claim is absent or of another shape, it does not hold.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cel::common::ast::Expr;
use cel::{Context, ExecutionError, Program, SerializationError};

use super::strict_json::Object;
/// The one variable of a rule.
const CLAIMS: &str = "claims";

/// A compiled rule. Cheap to clone.
#[derive(Clone)]
pub struct Rule {
    source: Arc<str>,
    program: Arc<Program>,
}

/// What became of a rule over the claims of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Evaluation {
    Holds,
    DoesNotHold,
    /// A claim that it asks for is not there.
    Absent(String),
    /// A claim is of a shape that the rule can't work with.
    Malformed,
}

/// Why a text is no rule. The texts are for the operator and hold nothing but the rule's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// It can't be read.
    #[error("an expression in CEL, such as 'ops' in claims.groups")]
    Unreadable,
    /// It speaks of something else than the claims.
    #[error("an expression over `claims` alone, and it names `{0}`")]
    UnknownName(String),
    /// Its value is not a truth.
    #[error("an expression that is true or false")]
    NotATruth,
}

/// A role, and the rule by which a token gives it.
#[derive(Clone, Debug)]
pub struct RoleRule {
    /// The role's name here.
    pub role: String,
    /// When it is given.
    pub when: Rule,
}

/// What a token must say to be let in, and what its bearer is told otherwise.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// What must hold.
    pub when: Rule,
    /// The sentence for those for whom it does not.
    pub message: Arc<str>,
}

impl Rule {
    /// Compiles `source` and tries it on claims that say nothing.
    ///
    /// # Errors
    ///
    /// If it can't be read, names anything but `claims` and known functions, or yields something else than a truth.
    pub fn compile(source: &str) -> Result<Self, RuleFault> {
        let program = Program::compile(source).map_err(|_| RuleFault::Unreadable)?;
        let mut known = BTreeSet::from([CLAIMS]);
        collect_bound(&program.expression().expr, &mut known);
        let references = program.references();
        if let Some(name) = references.variables().into_iter().find(|name| !known.contains(name)) {
            return Err(RuleFault::UnknownName(name.to_owned()));
        }
        let rule = Self { source: source.into(), program: Arc::new(program) };
        match rule.run(&RuleContext::of(&Object::default())) {
            Err(ExecutionError::UndeclaredReference(name)) => Err(RuleFault::UnknownName(name.to_string())),
            Ok(cel::Value::Bool(_)) | Err(_) => Ok(rule),
            Ok(_) => Err(RuleFault::NotATruth),
        }
    }

    pub(super) fn judge(&self, context: &RuleContext<'_>) -> Evaluation {
        match self.run(context) {
            Ok(cel::Value::Bool(true)) => Evaluation::Holds,
            Ok(cel::Value::Bool(false)) => Evaluation::DoesNotHold,
            Err(ExecutionError::NoSuchKey(name)) => Evaluation::Absent(name.to_string()),
            Ok(_) | Err(_) => Evaluation::Malformed,
        }
    }

    fn run(&self, RuleContext(context): &RuleContext<'_>) -> Result<cel::Value, ExecutionError> {
        let context = context.as_ref().map_err(|error| ExecutionError::function_error(CLAIMS, error))?;
        self.program.execute(context)
    }
}

/// Claims in the form that rules read: made once for all rules of a token.
pub(super) struct RuleContext<'a>(Result<Context<'a, 'a>, SerializationError>);

impl RuleContext<'_> {
    pub(super) fn of(claims: &Object<'_>) -> Self {
        let mut context = Context::default();
        Self(context.add_variable(CLAIMS, claims).map(|()| context))
    }
}

/// The names that macros bind, such as `group` in `claims.groups.exists(group, …)`.
fn collect_bound<'a>(expression: &'a Expr, names: &mut BTreeSet<&'a str>) {
    match expression {
        Expr::Comprehension(comprehension) => {
            names.insert(&comprehension.iter_var);
            names.extend(comprehension.iter_var2.as_deref());
            for part in [&comprehension.iter_range, &comprehension.loop_step, &comprehension.result] {
                collect_bound(&part.expr, names);
            }
        }
        Expr::Call(call) => {
            call.target.iter().for_each(|target| collect_bound(&target.expr, names));
            call.args.iter().for_each(|argument| collect_bound(&argument.expr, names));
        }
        Expr::List(list) => list.elements.iter().for_each(|element| collect_bound(&element.expr, names)),
        Expr::Select(select) => collect_bound(&select.operand.expr, names),
        // Neither a literal nor a map that is written out holds a macro in any rule that makes sense.
        _ => {}
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.source).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn judge(rule: &str, claims: Value) -> Evaluation {
        Rule::compile(rule).unwrap().judge(&RuleContext::of(&Object::of(&claims)))
    }

    #[test]
    fn a_rule_holds_or_not() {
        let claims =
            || json!({ "groups": ["ops", "dev"], "email": "a@example.com", "level": 3, "nested": { "a/b": true } });
        for rule in [
            "'ops' in claims.groups",
            "claims.groups.exists(group, group.startsWith('o'))",
            "claims.email.endsWith('@example.com') && claims.level >= 2",
            "claims.nested['a/b']",
            "has(claims.level)",
            "!has(claims.nothing)",
        ] {
            assert_eq!(judge(rule, claims()), Evaluation::Holds, "{rule}");
        }
        assert_eq!(judge("'root' in claims.groups", claims()), Evaluation::DoesNotHold);
    }

    #[test]
    fn absent_and_malformed_claims_are_told_apart_from_a_no() {
        assert_eq!(judge("'ops' in claims.groups", json!({})), Evaluation::Absent("groups".to_owned()));
        assert_eq!(judge("'ops' in claims.groups", json!({ "groups": 7 })), Evaluation::Malformed);
        assert_eq!(judge("claims.flag", json!({ "flag": "true" })), Evaluation::Malformed);
    }

    #[test]
    fn what_could_never_hold_is_told_at_once() {
        let fault = |rule: &str| Rule::compile(rule).unwrap_err();
        assert_eq!(fault("'ops' in"), RuleFault::Unreadable);
        assert_eq!(fault("'ops' in claim.groups"), RuleFault::UnknownName("claim".to_owned()));
        assert_eq!(fault("false && groups"), RuleFault::UnknownName("groups".to_owned()));
        assert_eq!(fault("1 + 1"), RuleFault::NotATruth);
        assert_eq!(fault("frobnicate(1)"), RuleFault::UnknownName("frobnicate".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_is_more_than_refused(text in "[a-c'\"\\\\.,:?|&!=<>+*/%() \\[\\]{}0-9\u{e9}\n-]{0,32}|\\PC{0,16}") {
            let _ = Rule::compile(&text).map(|rule| rule.judge(&RuleContext::of(&Object::default())));
        }
    }
}
