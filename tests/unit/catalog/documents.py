"""Templates for tests: the smallest that is right, and variations of it."""

SMALLEST = """\
heat_template_version: 2018-08-31
description: A server.
parameters:
{parameters}
resources:
  server:
    type: OS::Nova::Server
    properties: {{name: a}}
outputs:
  server_id: {{value: {{get_resource: server}}}}
  private_ip: {{value: {{get_attr: [server, first_address]}}}}
  public_ip: {{value: ""}}
"""


def template(parameters: str = "  name: {type: string}") -> str:
    """A right template with these parameters, as indented lines."""
    return SMALLEST.format(parameters=parameters)


def parameter(definition: str, name: str = "it") -> str:
    """A right template with one parameter, its definition in flow style."""
    return template(f"  {name}: {definition}")
