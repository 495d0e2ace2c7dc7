/**
 * What cdk-nag's AWS Solutions rules find in the stacks and is meant to be so, each with its reason. The
 * tests hold that there is no other finding, and that none of these lines is out of use.
 */
export interface NagSuppression {
  /** The rule, with the finding in brackets where the rule has several. */
  readonly rule: RegExp;
  /** The path of the construct. */
  readonly at: RegExp;
  readonly because: string;
}

export const NAG_SUPPRESSIONS: readonly NagSuppression[] = [
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*:function:fuqi-\*_\*_client\]$/,
    at: /\/AlarmRole\/DefaultPolicy\/Resource$/,
    because:
      'One alarm function serves all consortia of the account, those made later too; it wakes client functions of hosted nodes and nothing else.',
  },
  {
    rule: /^AwsSolutions-IAM5\[Resource::.*:function:fuqi-[a-z0-9-]+_\*_(peer|client)\]$/,
    at: /\/(NodeRole|GatewayRole)\/DefaultPolicy\/Resource$/,
    because:
      'Members join while a consortium runs, so its nodes and its gateway may call the peer and client functions of its own consortium by their names; a caller without a peer token or API key is refused there.',
  },
  {
    rule: /^AwsSolutions-APIG4$/,
    at: /\/Api\/DefaultRoute\/Resource$/,
    because:
      'The gateway and the members’ nodes check API keys themselves; the documentation, health and public reads are open.',
  },
];
