// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// sessionCookie is the name of the cookie of a browser session. Browsers accept the prefix __Host- over TLS only.
const (
	sessionCookie       = "hvprov_session"
	secureSessionCookie = "__Host-hvprov_session"
)

// maxSessions is the number of sessions. The oldest one ends when there are more.
const maxSessions = 10_000

// session is a browser session. It is valid for as long as the credentials are that it was created with: they are checked with each
// request, so that a revoked token ends its sessions.
type session struct {
	authorization string // header
	csrf          string
	created       time.Time
}

// sessions are the browser sessions by the hash of their cookies. They end with the process.
type sessions struct {
	age time.Duration
	now func() time.Time

	mu   sync.Mutex
	byID map[[sha256.Size]byte]*session
}

func newSessions(age time.Duration, now func() time.Time) *sessions {
	return &sessions{age: age, now: now, byID: map[[sha256.Size]byte]*session{}}
}

// create returns a new session with the value of its cookie.
func (s *sessions) create(authorization string) (*session, string) {
	id := rand.Text() + rand.Text()
	created := &session{authorization: authorization, csrf: rand.Text(), created: s.now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune()
	s.byID[sha256.Sum256([]byte(id))] = created
	return created, id
}

// prune removes sessions that have ended, and the oldest one if there are too many.
func (s *sessions) prune() {
	if len(s.byID) < maxSessions {
		return
	}
	var oldest [sha256.Size]byte
	var at time.Time
	for id, each := range s.byID {
		if s.now().Sub(each.created) >= s.age {
			delete(s.byID, id)
			continue
		}
		if at.IsZero() || each.created.Before(at) {
			oldest, at = id, each.created
		}
	}
	if len(s.byID) >= maxSessions {
		delete(s.byID, oldest)
	}
}

// find returns the session of a request, or nil.
func (s *sessions) find(r *http.Request) *session {
	id := sessionID(r)
	if id == "" {
		return nil
	}
	key := sha256.Sum256([]byte(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[key]
	if found != nil && s.now().Sub(found.created) >= s.age {
		delete(s.byID, key)
		return nil
	}
	return found
}

func (s *sessions) end(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, sha256.Sum256([]byte(sessionID(r))))
}

// sessionID returns the value of the session cookie of a request.
func sessionID(r *http.Request) string {
	for _, name := range []string{secureSessionCookie, sessionCookie} {
		if c, err := r.Cookie(name); err == nil && c.Value != "" {
			return c.Value
		}
	}
	return ""
}

// identify returns the sender of a request, by its Authorization header, its client certificate, or its session. A request with a
// session that changes something must repeat the token of the session in a header, which pages of other origins do not know.
func (h *Handler) identify(r *http.Request, c *call) (Identity, error) {
	if r.Header.Get("Authorization") == "" {
		if s := h.sessions.find(r); s != nil {
			given := r.Header.Get(headerCSRF)
			if c.route.writes() && subtle.ConstantTimeCompare([]byte(given), []byte(s.csrf)) != 1 {
				return Identity{}, newProblem("forbidden", "the header %s does not have the csrf_token of the session", headerCSRF)
			}
			c.session = s
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", s.authorization)
		}
	}
	return h.authenticate(r)
}

// sessionView is the body of answers about sessions.
type sessionView struct {
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	CSRF    string     `json:"csrf_token,omitempty"` // for requests with the cookie
	Expires *time.Time `json:"expires,omitempty"`    // the session; absent without one
}

func (h *Handler) sessionView(identity Identity, s *session) sessionView {
	v := sessionView{Name: identity.Name, Role: identity.Role.String()}
	if s != nil {
		expires := s.created.Add(h.opts.SessionAge).UTC()
		v.CSRF, v.Expires = s.csrf, &expires
	}
	return v
}

// getSession returns who the client is.
func (h *Handler) getSession(w http.ResponseWriter, r *http.Request) error {
	c := callOf(r)
	return reply(w, http.StatusOK, h.sessionView(c.identity, c.session))
}

// postSession creates a session for the token in the Authorization header.
func (h *Handler) postSession(w http.ResponseWriter, r *http.Request) error {
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return newProblem("invalid_request", "a session needs a token in the Authorization header; a client without a token needs no session")
	}
	created, id := h.sessions.create(authorization)
	http.SetCookie(w, h.cookie(r, id, int(h.opts.SessionAge.Seconds())))
	return reply(w, http.StatusCreated, h.sessionView(callOf(r).identity, created))
}

// deleteSession ends the session of the client.
func (h *Handler) deleteSession(w http.ResponseWriter, r *http.Request) error {
	h.sessions.end(r)
	http.SetCookie(w, h.cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	secure, name := r.TLS != nil || h.opts.SecureCookies, sessionCookie
	if secure {
		name = secureSessionCookie
	}
	//nolint:gosec // Secure over TLS; without TLS browsers would drop the cookie
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode}
}
