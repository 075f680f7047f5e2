//! One trusted issuer: its settings, its keys, and the interpretation of its tokens' claims.

use std::sync::Arc;

use super::validity::Validity;
use crate::cache::interner::Interner;
use crate::jose::unique_json::Object;
use crate::oidc::claims::{ClaimTexts, IssuerPolicy};
use crate::oidc::keys::issuer_status::IssuerStatus;
use crate::oidc::keys::report::IssuerReport;
use crate::oidc::mapping::rule::{Evaluation, RuleContext};
use crate::oidc::mapping::subject::Subject;
use crate::oidc::mapping::unusable_claims::{UnusableClaim, UnusableClaims};
use crate::oidc::{
    Claims, IntrospectionClient, Introspector, IssuerSettings, KeySet, Rejection, ScopeMode, SubjectKind, mapping,
};

/// One trusted issuer.
pub(crate) struct TrustedIssuer {
    pub(crate) settings: IssuerSettings,
    pub(crate) keys: KeySet,
    introspector: Option<Introspector>,
    /// One per canonical issuer.
    policies: Vec<Arc<IssuerPolicy>>,
    sets: Interner<String>,
    unusable_claims: UnusableClaims,
    pub(crate) status: Arc<IssuerStatus>,
}

impl TrustedIssuer {
    pub(crate) fn new(settings: IssuerSettings, keys: KeySet, client: &IntrospectionClient) -> Self {
        let introspector = client.introspector(&settings, &keys);
        let status = Arc::new(IssuerStatus::new(Arc::clone(keys.in_use())));
        let of = |canonical: &String| Arc::new(policy(&settings, canonical, &status));
        let policies = settings.canonical_issuers().iter().map(of).collect();
        let (sets, unusable_claims) = Default::default();
        Self { settings, keys, introspector, policies, sets, unusable_claims, status }
    }

    /// The issuer's counters and the state of its keys.
    pub(crate) fn report(&self) -> IssuerReport {
        IssuerReport {
            short_name: self.settings.short_name.clone(),
            verdicts: self.status.verdicts.counts(),
            signature_checks: self.status.verdicts.signature_checks(),
            unusable_claims: self.unusable_claims.counts(),
            keys: self.keys.state(),
        }
    }

    /// The introspector, if introspection is configured.
    pub(crate) fn introspector(&self) -> Option<&Introspector> {
        self.introspector.as_ref()
    }

    /// The introspector for JWTs, if JWTs are introspected.
    pub(crate) fn jwt_introspector(&self) -> Option<&Introspector> {
        self.introspector.as_ref().filter(|introspector| introspector.settings().always)
    }

    /// The introspector for opaque tokens, if the issuer issues them.
    pub(crate) fn opaque_introspector(&self) -> Option<&Introspector> {
        self.introspector.as_ref().filter(|introspector| introspector.settings().opaque)
    }

    /// Refuses a verified token that does not meet a configured requirement.
    pub(crate) fn require(&self, claims: &Object<'_>) -> Result<(), Rejection> {
        if self.settings.requirements.is_empty() {
            return Ok(());
        }
        let context = RuleContext::of(claims);
        let unmet =
            self.settings.requirements.iter().find(|required| required.when.evaluate(&context) != Evaluation::Holds);
        unmet.map_or(Ok(()), |required| Err(Rejection::RequirementUnmet(Arc::clone(&required.message))))
    }

    /// Interprets the claims of a verified token. `policy` is that of its canonical issuer.
    pub(crate) fn interpret(
        &self,
        policy: Arc<IssuerPolicy>,
        claims: &Object<'_>,
        subject: Subject<'_>,
        validity: Validity,
    ) -> Claims {
        let settings = &self.settings;
        let Subject { kind, name, client_id } = subject;
        let profile = mapping::profile(claims, &settings.mapping);
        Claims {
            scopes: self.sets.share(self.scopes(claims, kind)),
            roles: self.sets.share(self.roles(claims, kind)),
            policy,
            kind,
            first_party: client_id.is_some_and(|client| settings.first_party_clients.contains(client)),
            email_verified: profile.email_verified,
            texts: ClaimTexts::new(name, client_id, &profile),
            issued_at: validity.issued_at,
            expires_at: validity.expires_at,
        }
    }

    /// The shared policy of this canonical issuer.
    pub(crate) fn terms_of(&self, canonical: &str) -> Arc<IssuerPolicy> {
        let known = self.policies.iter().find(|policy| &*policy.issuer == canonical);
        known.map_or_else(|| Arc::new(policy(&self.settings, canonical, &self.status)), Arc::clone)
    }

    /// The policy of the only canonical issuer; `None` if there are several.
    pub(crate) fn only_policy(&self) -> Option<&Arc<IssuerPolicy>> {
        match self.policies.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The number of scopes and roles that these unverified claims contain; 0 without a valid subject.
    #[cfg(feature = "dev")]
    pub(crate) fn count_names(&self, policy: &Arc<IssuerPolicy>, unproved: &Object<'_>) -> usize {
        let subject = Subject::read(unproved, &self.settings.mapping);
        let validity = Validity { expires_at: chrono::DateTime::UNIX_EPOCH, not_before: None, issued_at: None };
        subject.map_or(0, |subject| {
            let read = self.interpret(Arc::clone(policy), unproved, subject, validity);
            read.scopes.len() + read.roles.len()
        })
    }

    fn scopes<'a>(&self, claims: &'a Object<'a>, kind: SubjectKind) -> Vec<&'a str> {
        let paths = match (&self.settings.mapping.machine_scopes, kind) {
            (Some(path), SubjectKind::Machine) => std::slice::from_ref(path),
            _ => &self.settings.mapping.scopes,
        };
        let scopes = mapping::scopes(claims, paths, &self.settings.scope_prefix);
        match self.settings.scope_mode {
            ScopeMode::Intersect => self.usable_or_empty("scopes", scopes),
            // The scopes are not required, so an unusable claim is not counted.
            ScopeMode::RolesOnly => scopes.unwrap_or_default(),
        }
    }

    fn roles<'a>(&'a self, claims: &'a Object<'a>, kind: SubjectKind) -> Vec<&'a str> {
        let paths = &self.settings.mapping.roles;
        // A claim that holds a service account's scopes must not give it roles as well.
        let holds_scopes =
            |path| kind == SubjectKind::Machine && self.settings.mapping.machine_scopes.as_ref() == Some(path);
        let named = paths.iter().filter(|path| !holds_scopes(path));
        let named = named.flat_map(|path| {
            self.usable_or_empty(path, mapping::roles(claims, path, self.settings.mapping.roles_separator))
        });
        named.chain(self.roles_by_rule(claims)).collect()
    }

    fn roles_by_rule(&self, claims: &Object<'_>) -> Vec<&str> {
        let rules = &self.settings.mapping.role_rules;
        if rules.is_empty() {
            return Vec::new();
        }
        let context = RuleContext::of(claims);
        let given = rules.iter().filter_map(|rule| match rule.when.evaluate(&context) {
            Evaluation::Holds => Some(rule.role.as_str()),
            Evaluation::DoesNotHold => None,
            Evaluation::Absent(claim) => self.note_unusable(&rule.role, mapping::absent_or_overage(claims, &claim)),
            Evaluation::Malformed => self.note_unusable(&rule.role, UnusableClaim::Malformed),
        });
        given.collect()
    }

    /// The found values, or none after counting an unusable claim.
    fn usable_or_empty<'a>(
        &self,
        claim: impl std::fmt::Display,
        found: Result<Vec<&'a str>, UnusableClaim>,
    ) -> Vec<&'a str> {
        found.unwrap_or_else(|unusable| {
            self.unusable_claims.note(&self.settings.short_name, claim, unusable);
            Vec::new()
        })
    }

    /// Counts a rule that cannot be evaluated and returns `None`.
    fn note_unusable<T>(&self, role: &str, unusable: UnusableClaim) -> Option<T> {
        self.unusable_claims.note(&self.settings.short_name, format_args!("rule for role {role}"), unusable);
        None
    }
}

fn policy(settings: &IssuerSettings, canonical: &str, status: &Arc<IssuerStatus>) -> IssuerPolicy {
    IssuerPolicy {
        issuer: canonical.into(),
        issuer_name: settings.short_name.as_str().into(),
        scope_prefix: settings.scope_prefix.as_str().into(),
        scopes_unused: settings.scope_mode == ScopeMode::RolesOnly,
        administrative_roles: settings.mapping.administrative_roles.clone(),
        jit: settings.jit,
        status: Arc::clone(status),
    }
}
