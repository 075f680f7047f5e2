//! Rules over claims, in the Common Expression Language: `'ops' in claims.groups`.
//!
//! A rule is compiled and test-evaluated when the configuration is read, so that an invalid rule is reported then. A rule that cannot be
//! evaluated for a token, because a claim is absent or has another type, does not hold.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cel::common::ast::Expr;
use cel::{Context, ExecutionError, Program, SerializationError};

use crate::jose::unique_json::Object;

/// The only variable of a rule.
const CLAIMS: &str = "claims";

/// A compiled rule. Cheap to clone.
#[derive(Clone)]
pub struct Rule {
    source: Arc<str>,
    program: Arc<Program>,
}

/// The result of a rule for the claims of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evaluation {
    Holds,
    DoesNotHold,
    /// A claim that the rule uses is absent.
    Absent(String),
    /// A claim has a type that the rule cannot use.
    Malformed,
}

/// The reason for which a rule is invalid. The texts complete "must be" in a configuration error and quote nothing but the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// It is not valid CEL.
    #[error("an expression in CEL, such as 'ops' in claims.groups")]
    Unreadable,
    /// It uses a name other than `claims`.
    #[error("an expression over `claims` only, without `{0}`")]
    UnknownName(String),
    /// It does not return a boolean.
    #[error("an expression that returns true or false")]
    NotABoolean,
}

/// A role, and the rule that gives it.
#[derive(Clone, Debug)]
pub struct RoleRule {
    /// The local name of the role.
    pub role: String,
    /// The condition under which the role is given.
    pub when: Rule,
}

/// A condition that an issuer's tokens must meet, and the message for a refusal.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The condition.
    pub when: Rule,
    /// The `detail` of the refusal.
    pub message: Arc<str>,
}

impl Rule {
    /// Compiles `source` and evaluates it once with empty claims.
    ///
    /// # Errors
    ///
    /// If it is not valid CEL, uses a name other than `claims` and known functions, or returns something other than a boolean.
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
            Ok(_) => Err(RuleFault::NotABoolean),
        }
    }

    /// Evaluates the rule for the claims in `context`.
    pub(crate) fn evaluate(&self, context: &RuleContext<'_>) -> Evaluation {
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

/// Claims as the variable of rules, built once for all rules of a token.
pub(crate) struct RuleContext<'a>(Result<Context<'a, 'a>, SerializationError>);

impl RuleContext<'_> {
    pub(crate) fn of(claims: &Object<'_>) -> Self {
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
        // Literals contain no macros, and macros within map literals are not supported.
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

    fn evaluate(rule: &str, claims: Value) -> Evaluation {
        Rule::compile(rule).unwrap().evaluate(&RuleContext::of(&Object::of(&claims)))
    }

    #[test]
    fn rule_holds_or_does_not_hold() {
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
            assert_eq!(evaluate(rule, claims()), Evaluation::Holds, "{rule}");
        }
        assert_eq!(evaluate("'root' in claims.groups", claims()), Evaluation::DoesNotHold);
    }

    #[test]
    fn absent_and_malformed_claims_are_reported_separately() {
        assert_eq!(evaluate("'ops' in claims.groups", json!({})), Evaluation::Absent("groups".to_owned()));
        assert_eq!(evaluate("'ops' in claims.groups", json!({ "groups": 7 })), Evaluation::Malformed);
        assert_eq!(evaluate("claims.flag", json!({ "flag": "true" })), Evaluation::Malformed);
    }

    #[test]
    fn invalid_rule_is_rejected_by_compile() {
        let fault = |rule: &str| Rule::compile(rule).unwrap_err();
        assert_eq!(fault("'ops' in"), RuleFault::Unreadable);
        assert_eq!(fault("'ops' in claim.groups"), RuleFault::UnknownName("claim".to_owned()));
        assert_eq!(fault("false && groups"), RuleFault::UnknownName("groups".to_owned()));
        assert_eq!(fault("1 + 1"), RuleFault::NotABoolean);
        assert_eq!(fault("frobnicate(1)"), RuleFault::UnknownName("frobnicate".to_owned()));
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text in "[a-c'\"\\\\.,:?|&!=<>+*/%() \\[\\]{}0-9\u{e9}\n-]{0,32}|\\PC{0,16}") {
            let _ = Rule::compile(&text).map(|rule| rule.evaluate(&RuleContext::of(&Object::default())));
        }
    }
}
