//! One trusted issuer at work: its settings, its keys, and what the claims of its proved tokens mean.

use std::sync::Arc;

use super::claims::{ClaimTexts, IssuerPolicy};
use super::issuer_status::IssuerStatus;
use super::login::RelyingParty;
use super::report::IssuerReport;
use super::rule::{Evaluation, RuleContext};
use super::strict_json::Object;
use super::subject::Subject;
use super::unusable_claims::{UnusableClaim, UnusableClaims};
use super::validity::Validity;
use super::{
    Claims, IntrospectionClient, Introspector, IssuerSettings, KeySet, Rejection, ScopeMode, SubjectKind, mapping,
};
use crate::interner::SharedSets;

/// One trusted issuer.
pub(super) struct TrustedIssuer {
    pub(super) settings: IssuerSettings,
    pub(super) keys: KeySet,
    introspector: Option<Introspector>,
    pub(super) relying_party: Option<Arc<RelyingParty>>,
    /// For each canonical issuer.
    policy: Vec<Arc<IssuerPolicy>>,
    sets: SharedSets<String>,
    unusable_claims: UnusableClaims,
    pub(super) status: Arc<IssuerStatus>,
}

impl TrustedIssuer {
    pub(super) fn new(settings: IssuerSettings, keys: KeySet, client: &IntrospectionClient) -> Self {
        let introspector = client.introspector(&settings, &keys);
        let relying_party = RelyingParty::new(&settings, client.provider_client(), client.clock()).map(Arc::new);
        let status = Arc::new(IssuerStatus::new(Arc::clone(keys.in_use())));
        let of = |canonical: &String| Arc::new(policy(&settings, canonical, &status));
        let policy = settings.canonical_issuers().iter().map(of).collect();
        let (sets, unusable_claims) = Default::default();
        Self { settings, keys, introspector, relying_party, policy, sets, unusable_claims, status }
    }

    /// How things stand with it.
    pub(super) fn report(&self) -> IssuerReport {
        IssuerReport {
            short_name: self.settings.short_name.clone(),
            verdicts: self.status.verdicts.counts(),
            signature_checks: self.status.verdicts.signature_checks(),
            unusable_claims: self.unusable_claims.counts(),
            keys: self.keys.state(),
        }
    }

    /// Who asks the issuer about tokens, if it is asked about any.
    pub(super) fn introspector(&self) -> Option<&Introspector> {
        self.introspector.as_ref()
    }

    /// Who asks the issuer about its JWTs, if it is to be asked.
    pub(super) fn asked_about_jwts(&self) -> Option<&Introspector> {
        self.introspector.as_ref().filter(|introspector| introspector.settings().always)
    }

    /// Who asks the issuer about tokens that say nothing themselves, if it gives out such.
    pub(super) fn asked_about_opaque(&self) -> Option<&Introspector> {
        self.introspector.as_ref().filter(|introspector| introspector.settings().opaque)
    }

    /// Refuses a proved token that does not say what the operator demands of this issuer's tokens.
    pub(super) fn require(&self, claims: &Object<'_>) -> Result<(), Rejection> {
        if self.settings.requirements.is_empty() {
            return Ok(());
        }
        let context = RuleContext::of(claims);
        let unmet =
            self.settings.requirements.iter().find(|required| required.when.judge(&context) != Evaluation::Holds);
        unmet.map_or(Ok(()), |required| Err(Rejection::RequirementUnmet(Arc::clone(&required.message))))
    }

    /// What the claims of a proved token mean. `terms` are those of the issuer that it names.
    pub(super) fn interpret(
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

    /// How the operator wants the tokens of this canonical issuer to be taken, shared.
    pub(super) fn terms_of(&self, canonical: &str) -> Arc<IssuerPolicy> {
        let known = self.policy.iter().find(|policy| &*policy.issuer == canonical);
        known.map_or_else(|| Arc::new(policy(&self.settings, canonical, &self.status)), Arc::clone)
    }

    /// The terms of its one canonical issuer; `None` where it has several.
    pub(super) fn only_terms(&self) -> Option<&Arc<IssuerPolicy>> {
        match self.policy.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// How many scopes and roles these claims would hold if they were proved; none where they name nobody.
    #[cfg(feature = "dev")]
    pub(super) fn count_names(&self, policy: &Arc<IssuerPolicy>, unproved: &Object<'_>) -> usize {
        let subject = Subject::read(unproved, &self.settings.mapping);
        let validity = Validity { expires_at: chrono::DateTime::UNIX_EPOCH, not_before: None, issued_at: None };
        subject.map_or(0, |subject| {
            let read = self.interpret(Arc::clone(policy), unproved, subject, validity);
            read.scopes.len() + read.roles.len()
        })
    }

    fn scopes<'a>(&self, claims: &'a Object<'a>, kind: SubjectKind) -> Vec<&'a str> {
        let places = match (&self.settings.mapping.machine_scopes, kind) {
            (Some(place), SubjectKind::Machine) => std::slice::from_ref(place),
            _ => &self.settings.mapping.scopes,
        };
        let scopes = mapping::scopes(claims, places, &self.settings.scope_prefix);
        match self.settings.scope_mode {
            ScopeMode::Intersect => self.or_nothing("scopes", scopes),
            // Nobody waits for them, so it is no loss where there are none.
            ScopeMode::RolesOnly => scopes.unwrap_or_default(),
        }
    }

    fn roles<'a>(&'a self, claims: &'a Object<'a>, kind: SubjectKind) -> Vec<&'a str> {
        let places = &self.settings.mapping.roles;
        // What is a program's scope must not be its role as well.
        let delegates =
            |place| kind == SubjectKind::Machine && self.settings.mapping.machine_scopes.as_ref() == Some(place);
        let named = places.iter().filter(|place| !delegates(place));
        let named = named.flat_map(|place| {
            self.or_nothing(place, mapping::roles(claims, place, self.settings.mapping.roles_separator))
        });
        named.chain(self.ruled_roles(claims)).collect()
    }

    fn ruled_roles(&self, claims: &Object<'_>) -> Vec<&str> {
        let rules = &self.settings.mapping.role_rules;
        if rules.is_empty() {
            return Vec::new();
        }
        let context = RuleContext::of(claims);
        let given = rules.iter().filter_map(|rule| match rule.when.judge(&context) {
            Evaluation::Holds => Some(rule.role.as_str()),
            Evaluation::DoesNotHold => None,
            Evaluation::Absent(claim) => self.nothing(&rule.role, mapping::absent_or_cut_off(claims, &claim)),
            Evaluation::Malformed => self.nothing(&rule.role, UnusableClaim::Malformed),
        });
        given.collect()
    }

    fn or_nothing<'a>(
        &self,
        claim: impl std::fmt::Display,
        found: Result<Vec<&'a str>, UnusableClaim>,
    ) -> Vec<&'a str> {
        found.unwrap_or_else(|unusable| {
            self.unusable_claims.note(&self.settings.short_name, claim, unusable);
            Vec::new()
        })
    }

    fn nothing<T>(&self, role: &str, unusable: UnusableClaim) -> Option<T> {
        self.unusable_claims.note(&self.settings.short_name, format_args!("of the rule for role {role}"), unusable);
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
