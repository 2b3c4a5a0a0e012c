// The command line of `switchyard endpoint configure`.

import { Command, InvalidArgumentError, Option } from 'commander';
import { Client } from '../sdk/client.ts';
import { configuredText, configureEndpoint, type PolicyMaker } from './endpoint-configure.ts';
import { planConfigure, POLICY_DESCRIPTION, POLICY_NAME, type ConfigureOptions } from './endpoint-configure-plan.ts';
import { DEFAULT_NAME, isUuid } from './endpoint-name.ts';
import { directoryOf, print, warn, withCommon, type CommonOptions } from './endpoint-options.ts';
import { wholeNumber } from './options.ts';

const HELP = `
--multi-user may have a value (true, false, yes, no, on, off, 1, 0, t, f, y, n) as the next word: an endpoint with such
a name is written before it.

--auth-policy-project-id, -display-name, -description, --allowed-domains, --excluded-domains and --auth-timeout make a
new authentication policy at the service, and write its id into config.yaml. The service holds policies without
projects: nothing is asked for, and an id of one is only noted.

Examples:
  switchyard endpoint configure mycluster
  switchyard endpoint configure mycluster --multi-user
  switchyard endpoint configure mycluster --multi-user --allowed-domains '*.example.edu' --auth-timeout 3600
`;

type Options = CommonOptions & ConfigureOptions;

export function configureCommand(): Command {
  const command = withCommon(new ConfigureCommand('configure')).description('make the folder of a new endpoint')
    .argument('[name]', 'what it is to be called', DEFAULT_NAME)
    .option('--multi-user [bool]', 'for many users: a user endpoint for each, as that local user', truth)
    .option('--display-name <text>', 'how users see it, if not by its name')
    .option('--contact-email <address>', 'whom its users may ask')
    .option('--manager-config <file>', 'a config.yaml to start from')
    .addOption(new Option('--endpoint-config <file>').hideHelp())
    .option('--template-config <file>', 'a user_config_template.yaml.j2 to start from')
    .option('--schema-config <file>', 'a user_config_schema.json to start from')
    .option('--user-env-config <file>', 'a user_environment.yaml to start from')
    .option('--id-mapping-config <file>', 'an identity map to start from')
    .option('--subscription-id <uuid>', 'the subscription that it belongs to', uuid)
    .option('--high-assurance', 'register it as one of high assurance, which takes only such policies');
  return withPolicyOptions(command).addHelpText('after', HELP)
    .action(async (name: string, _: Options, own: Command) => {
      const options = own.optsWithGlobals<Options>();
      const plan = planConfigure(options, process.platform);
      const configured = await configureEndpoint({ directory: directoryOf(options), name, plan }, policyMaker);
      for (const warning of plan.warnings) warn(warning);
      print(options, configured, configuredText(configured));
    });
}

function withPolicyOptions(command: Command): Command {
  return command
    .option('--auth-policy <uuid>', 'an authentication policy that is there', uuid)
    .option('--auth-policy-project-id <uuid>', 'of a new policy: its project', uuid)
    .option('--auth-policy-display-name <text>', `of a new policy: its name, if not "${POLICY_NAME}"`)
    .option('--auth-policy-description <text>', `of a new policy: if not "${POLICY_DESCRIPTION}"`)
    .option('--auth-policy-mfa-required', 'of a new policy: a second factor, if the service knows any')
    .option('--allowed-domains <list>', "of a new policy: who may submit, such as '*.edu,example.org'")
    .option('--excluded-domains <list>', 'of a new policy: who may not')
    .option('--auth-timeout <seconds>', 'of a new policy: how long ago a log-in may be', wholeNumber(0));
}

function policyMaker(): PolicyMaker {
  return new Client();
}

/** A flag for some, a flag with a value for others: only what can be its value is taken for it. */
class ConfigureCommand extends Command {
  override parseOptions(argv: string[]): ReturnType<Command['parseOptions']> {
    return super.parseOptions(withFlagValues(argv));
  }
}

const TRUTH: Readonly<Record<string, boolean>> = {
  true: true, '1': true, yes: true, on: true, t: true, y: true,
  false: false, '0': false, no: false, off: false, f: false, n: false,
};

/** `--multi-user NAME` → `--multi-user=true NAME`; `--multi-user no` → `--multi-user=no`. */
export function withFlagValues(argv: readonly string[]): string[] {
  return argv.flatMap((arg, i) => {
    const isValue = Object.hasOwn(TRUTH, arg.toLowerCase());
    if (isValue && argv[i - 1] === '--multi-user') return [];
    if (arg !== '--multi-user') return [arg];
    const next = argv[i + 1]?.toLowerCase() ?? '';
    return [`--multi-user=${Object.hasOwn(TRUTH, next) ? next : 'true'}`];
  });
}

function truth(text: string): boolean {
  const value = TRUTH[text.toLowerCase()];
  if (value === undefined) throw new InvalidArgumentError('must be true or false');
  return value;
}

function uuid(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('must be a UUID');
  return text.toLowerCase();
}
