"""The outside world on one machine: a database, people, and a consumer who has never met us.

In:     nothing; everything here is made up or started here
Out:    landing folders in the platforms' payload shapes, an embedded Postgres, the demo's report
Never:  a part of a production deployment; data of a real person
"""
