// What the files of a new multi-user endpoint say before its administrator has changed them. They work as they are,
// but for the identity map, which lets nobody in.

export const MULTI_USER_CONFIG = `\
# This multi-user endpoint. It runs no tasks: it starts a user endpoint for each user, as that user. What those are is
# said in user_config_template.yaml.j2. Read by \`switchyard endpoint start\`. What is commented out a site might want.
# The service and its users get to see this file: put no secrets in it.

# How users see it. Without one, they see the name of this folder.
display_name: null

# Only these registered functions may run here.
# allowed_functions:
#   - 12345678-1234-1234-1234-123456789abc

# Who may submit, by the rules of a policy that the service holds: see configure --allowed-domains.
# authentication_policy: 12345678-1234-1234-1234-123456789abc

# Where outgoing connections to the broker's own port are closed, and it listens on this one.
# amqp_port: 443

`;

/** The field's example: the first mapper knows nobody, the second only people of a domain that nobody is of. */
export const EXAMPLE_IDENTITY_MAP = `${JSON.stringify([
  {
    comment: 'A program that is told who asks, as JSON on its standard input, and answers with local names. The first'
      + ' mapper with an answer wins; this one never has any.',
    DATA_TYPE: 'external_identity_mapping#1.0.0',
    command: ['/bin/false', '--some', 'flag', '-a', '-b', '-c'],
  },
  {
    comment: 'Who is NAME@example.com becomes the local user NAME. Put your own domain here, and a backslash (in JSON,'
      + ' two) before each dot in it: a bare dot stands for any character.',
    DATA_TYPE: 'expression_identity_mapping#1.0.0',
    mappings: [{ source: '{username}', match: '(.*)@example.com', output: '{0}' }],
  },
], undefined, 2)}\n`;

export const USER_CONFIG_TEMPLATE = `\
# The configuration of each user endpoint, in Jinja: what users send along with their tasks (user_endpoint_config) is
# put in where double braces are. user_config_schema.json says what they may send. A text comes with its quotes: put
# none around it. \`switchyard endpoint render\` shows what becomes of it, and starts nothing.

# Shell text that runs before the user endpoint takes tasks.
endpoint_setup: {{ endpoint_setup|default() }}

engine:
  type: GlobusComputeEngine
  max_workers_per_node: 1

  provider:
    type: LocalProvider

    min_blocks: 0
    max_blocks: 1
    init_blocks: 1

    # Shell text that comes before the workers start, such as "module load python".
    worker_init: {{ worker_init|default() }}

# Heartbeats (30 s each) after which a user endpoint ends by itself: without work, and with tasks that do not move.
idle_heartbeats_soft: 10
idle_heartbeats_hard: 5760
`;

export const USER_CONFIG_SCHEMA = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "endpoint_setup": { "type": "string" },
    "worker_init": { "type": "string" }
  },
  "additionalProperties": true
}
`;

export const USER_ENVIRONMENT = `\
# The environment of every user endpoint: one variable a line, name and value. It gets nothing of the environment that
# the multi-user endpoint itself was started in; without a word here it has HOME, USER and PATH. PATH is where
# switchyard-endpoint is looked for: a program of the site's by that name, found first, is started instead, and can set
# up more before it goes on to the real one.

# PATH: /usr/local/bin:/usr/bin:/bin
# SITE_SPECIFIC_VAR: some value
`;
