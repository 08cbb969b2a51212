"""Privacy: who may be asked about, and on what ground.

In:     opt-outs, the platform policy of the deployment
Out:    privacy.suppression; the rules that the gate freezes into each request
Never:  a contact value
"""
