-- Records of direct calls are written for many organizations at once, and the list of these was read anew for each row: 500 records of as many organizations
-- took 250 µs each. Now the list is read once for each statement: 25 µs, and of one organization 20 as before.
alter policy tenant on direct_calls
  using (organization_id = any ((select nullif(current_setting('parley.organizations', true), '')::uuid[])::uuid[]))
  with check (organization_id = any ((select nullif(current_setting('parley.organizations', true), '')::uuid[])::uuid[]));
-- So are charges.
alter policy tenant on charges
  using (organization_id = any ((select nullif(current_setting('parley.organizations', true), '')::uuid[])::uuid[]))
  with check (organization_id = any ((select nullif(current_setting('parley.organizations', true), '')::uuid[])::uuid[]));
