// SPDX-License-Identifier: MPL-2.0

// Command hvprovd serves the HTTP API of hvprov.
//
//	hvprovd serve [-config file]                       serve until it is interrupted
//	hvprovd check-config [-config file]                check the configuration file and all files that it names
//	hvprovd token create [-role role] [-days n] name   create a bearer token and print it
//	hvprovd token list                                 show the tokens
//	hvprovd token revoke name                          revoke a token
//	hvprovd import [-config file]                      copy the jobs of the state folder to the database of several replicas
//	hvprovd version                                    print the version
//
// The configuration file is that of -config, or of HVPROVD_CONFIG, or /etc/hvprovd/hvprovd.yaml. It holds no secret: it names files and
// environment variables. SIGHUP reloads the hosts.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi/tokenfile"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/daemon"
)

// version is the version of a release. The linker sets it.
var version string

// buildVersion returns the version of the program: that of the release, or that of the module it was built from.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); version == "" && ok {
		return info.Main.Version
	}
	return cmp.Or(version, "(unknown)")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	err := command{out: os.Stdout, log: os.Stderr, getenv: os.Getenv, reload: reload}.run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hvprovd:", err)
		os.Exit(1)
	}
}

const usage = `Usage:
  hvprovd serve [-config file]                       serve until it is interrupted
  hvprovd check-config [-config file]                check the configuration file and all files that it names
  hvprovd token create [-role role] [-days n] name   create a bearer token and print it; role: reader, writer or admin
  hvprovd token list                                 show the tokens
  hvprovd token revoke name                          revoke a token
  hvprovd import [-config file]                      copy the jobs of the state folder to the database of several replicas
  hvprovd version                                    print the version

The configuration file is that of -config, or of HVPROVD_CONFIG, or ` + daemon.DefaultPath + `.
`

// errUsage ends a command with an invalid command line.
var errUsage = errors.New("run hvprovd -h for help")

// command is a run of the program.
type command struct {
	out, log io.Writer
	getenv   func(string) string
	reload   <-chan os.Signal
}

func (c command) run(ctx context.Context, args []string) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "serve":
		return c.serve(ctx, args)
	case "check-config":
		return c.check(args)
	case "token":
		return c.token(args)
	case "import":
		return c.importJobs(ctx, args)
	case "version", "-version", "--version":
		_, err := fmt.Fprintln(c.out, "hvprovd", buildVersion())
		return err
	case "-h", "-help", "--help", "help":
		_, err := io.WriteString(c.out, usage)
		return err
	case "":
		return fmt.Errorf("no command: %w", errUsage)
	}
	return fmt.Errorf("unknown command %q: %w", name, errUsage)
}

// options are the flags of a command.
type options struct {
	config string
	role   string
	days   int
	args   []string
}

// parse parses the flags of a command with a number of arguments. withRole adds the flags of a new token.
func parse(name string, args []string, arguments int, withRole bool) (options, error) {
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.config, "config", "", "")
	if withRole {
		flags.StringVar(&o.role, "role", "reader", "")
		flags.IntVar(&o.days, "days", 0, "")
	}
	if err := flags.Parse(args); err != nil {
		return o, fmt.Errorf("%s: %w: %w", name, err, errUsage)
	}
	if o.args = flags.Args(); len(o.args) != arguments {
		return o, fmt.Errorf("%s expects %d arguments after the flags, not %d: %w", name, arguments, len(o.args), errUsage)
	}
	return o, nil
}

func (c command) serve(ctx context.Context, args []string) error {
	o, err := parse("serve", args, 0, false)
	if err != nil {
		return err
	}
	config, err := daemon.Load(o.config, c.getenv)
	if err != nil {
		return err
	}
	server, err := daemon.Start(ctx, config, c.log)
	if err != nil {
		return err
	}
	return server.Serve(ctx, c.reload)
}

func (c command) check(args []string) error {
	o, err := parse("check-config", args, 0, false)
	if err != nil {
		return err
	}
	config, err := daemon.Load(o.config, c.getenv)
	if err != nil {
		return err
	}
	if err := config.Check(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "the configuration is valid")
	return err
}

// importJobs copies the jobs of the state folder to the database.
func (c command) importJobs(ctx context.Context, args []string) error {
	o, err := parse("import", args, 0, false)
	if err != nil {
		return err
	}
	config, err := daemon.Load(o.config, c.getenv)
	if err != nil {
		return err
	}
	copied, err := config.Import(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%d jobs were imported\n", copied)
	return err
}

// token creates, lists and revokes tokens.
func (c command) token(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("token expects create, list or revoke: %w", errUsage)
	}
	action := args[0]
	arguments, known := map[string]int{"create": 1, "list": 0, "revoke": 1}[action]
	if !known {
		return fmt.Errorf("unknown command %q: %w", "token "+action, errUsage)
	}
	o, err := parse("token "+action, args[1:], arguments, action == "create")
	if err != nil {
		return err
	}
	config, err := daemon.Load(o.config, c.getenv)
	if err != nil {
		return err
	}
	file, err := tokenfile.Open(config.Auth.TokensFile)
	if err != nil {
		return err
	}
	switch action {
	case "create":
		return c.createToken(file, config, o)
	case "revoke":
		return file.Revoke(o.args[0])
	}
	return c.listTokens(file)
}

func (c command) createToken(file *tokenfile.File, config *daemon.Config, o options) error {
	role, err := httpapi.ParseRole(o.role)
	if err != nil {
		return err
	}
	var expires time.Time
	if o.days > 0 {
		expires = time.Now().AddDate(0, 0, o.days).UTC().Truncate(time.Second)
	}
	token, err := file.Create(o.args[0], role, expires)
	if err != nil {
		return err
	}
	if !config.Auth.Tokens {
		_, _ = fmt.Fprintln(c.log, "hvprovd: tokens are not accepted until the configuration has auth.tokens: true")
	}
	_, err = fmt.Fprintln(c.out, token)
	return err
}

func (c command) listTokens(file *tokenfile.File) error {
	all, err := file.List()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "NAME\tROLE\tCREATED\tEXPIRES") // errors are those of Flush
	for _, t := range all {
		expires := "never"
		if !t.Expires.IsZero() {
			expires = t.Expires.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", t.Name, t.Role, t.Created.Format(time.RFC3339), expires)
	}
	return table.Flush()
}
