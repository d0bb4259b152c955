// SPDX-License-Identifier: MPL-2.0

// Package oidcauth authenticates clients of package httpapi by JSON Web Tokens of an OpenID Connect provider, sent as bearer tokens. It is
// separate from httpapi, so that servers without OpenID Connect do not depend on its client library.
package oidcauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
)

// Config configures [New].
type Config struct {
	// Issuer is the URL of the provider. Its configuration is read from /.well-known/openid-configuration below it.
	Issuer string
	// Audience is the audience that tokens must have: the client id of the server. Required.
	Audience string
	// ClientSecret is the secret of the client, for people who sign in with a browser. Empty: a public client.
	ClientSecret string
	// Scopes are requested when people sign in. Nil: openid, profile and email.
	Scopes []string
	// NameClaim is the claim with the name of the client. Empty: preferred_username, or else email, or else sub.
	NameClaim string
	// RoleClaim is the claim with the groups or roles of the client: a text, or a list of texts. Dots separate the claims of objects, as in
	// realm_access.roles. Empty: groups.
	RoleClaim string
	// Roles maps values of that claim to roles. A client has the highest of its roles, and none without one.
	Roles map[string]httpapi.Role
	// Client sends requests to the provider. Nil: [http.DefaultClient].
	Client *http.Client
}

// authenticator is a [httpapi.Authenticator].
type authenticator struct {
	config   Config
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config
}

// New returns an authenticator. It reads the configuration of the provider, and later its keys when a token needs them. ctx limits the
// first request only.
func New(ctx context.Context, config Config) (httpapi.Authenticator, error) {
	if config.Issuer == "" || config.Audience == "" || len(config.Roles) == 0 {
		return nil, errors.New("OpenID Connect: the issuer, the audience and at least one role are required")
	}
	if config.Client == nil {
		config.Client = http.DefaultClient
	}
	if config.RoleClaim == "" {
		config.RoleClaim = "groups"
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, config.Client), config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("OpenID Connect: read the configuration of %s: %w", config.Issuer, err)
	}
	// The keys are read for as long as the authenticator is used, and not only until ctx ends.
	keys := oidc.ClientContext(context.WithoutCancel(ctx), config.Client)
	if config.Scopes == nil {
		config.Scopes = []string{oidc.ScopeOpenID, "profile", "email"}
	}
	return &authenticator{
		config: config, verifier: provider.VerifierContext(keys, &oidc.Config{ClientID: config.Audience}),
		oauth: oauth2.Config{ClientID: config.Audience, ClientSecret: config.ClientSecret, Endpoint: provider.Endpoint(), Scopes: config.Scopes},
	}, nil
}

// Authenticate implements [httpapi.Authenticator]. It leaves bearer tokens that are not JSON Web Tokens to others.
func (a *authenticator) Authenticate(r *http.Request) (*httpapi.Identity, error) {
	token := httpapi.BearerToken(r)
	if strings.Count(token, ".") != 2 {
		return nil, nil
	}
	verified, err := a.verifier.Verify(r.Context(), token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", httpapi.ErrCredentials, err)
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: claims of the token: %w", httpapi.ErrCredentials, err)
	}
	identity := &httpapi.Identity{Name: a.name(claims, verified.Subject)}
	for _, value := range texts(lookUp(claims, a.config.RoleClaim)) {
		identity.Role = max(identity.Role, a.config.Roles[value])
	}
	return identity, nil
}

var _ httpapi.Login = (*authenticator)(nil)

// LoginURL implements [httpapi.Login].
func (a *authenticator) LoginURL(redirect, state, verifier string) string {
	conf := a.oauth
	conf.RedirectURL = redirect
	return conf.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce(verifier)))
}

// Exchange implements [httpapi.Login].
func (a *authenticator) Exchange(ctx context.Context, redirect, code, verifier string) (string, error) {
	conf := a.oauth
	conf.RedirectURL = redirect
	answer, err := conf.Exchange(oidc.ClientContext(ctx, a.config.Client), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", err
	}
	token, _ := answer.Extra("id_token").(string)
	verified, err := a.verifier.Verify(ctx, token)
	switch {
	case err != nil:
		return "", err
	case verified.Nonce != nonce(verifier):
		return "", errors.New("the token of the provider has another nonce")
	}
	return token, nil
}

// nonce returns the nonce of a sign-in. It follows from the verifier, which the provider learns later.
func nonce(verifier string) string {
	sum := sha256.Sum256([]byte("nonce " + verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// name returns the name of the owner of a token.
func (a *authenticator) name(claims map[string]any, subject string) string {
	if a.config.NameClaim != "" {
		if name, ok := lookUp(claims, a.config.NameClaim).(string); ok && name != "" {
			return name
		}
		return subject
	}
	for _, claim := range []string{"preferred_username", "email"} {
		if name, ok := claims[claim].(string); ok && name != "" {
			return name
		}
	}
	return subject
}

// lookUp returns a claim. Dots in the name lead into objects, unless there is a claim with the whole name.
func lookUp(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	first, rest, nested := strings.Cut(name, ".")
	if object, ok := claims[first].(map[string]any); ok && nested {
		return lookUp(object, rest)
	}
	return nil
}

// texts returns a text, or the texts of a list.
func texts(value any) (all []string) {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		for _, each := range value {
			if text, ok := each.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}
